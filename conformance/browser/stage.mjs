// What the browser tests stand on: a chat that can be stopped and started again, and a browser.
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const target = process.env.CARGO_TARGET_DIR ?? path.join(root, "target");
const programs = path.join(target, process.env.TSUGI_PROFILE ?? "debug");

/** Starts a program and resolves with what `pattern` finds in the first lines it prints. */
export async function start(name, args, pattern) {
  const child = spawn(path.join(programs, name), args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const found = await new Promise((resolve, reject) => {
    let printed = "";
    child.once("error", (error) => reject(new Error(`${name} does not start; cargo build it first`, { cause: error })));
    ended.then(() => reject(new Error(`${name} ended: ${printed}`)));
    child.stdout.setEncoding("utf8").on("data", (text) => {
      printed += text;
      const match = pattern.exec(printed);
      if (match) resolve(match[1]);
    });
  });
  const stop = async () => {
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 20_000);
    await ended;
    clearTimeout(late);
    if (child.signalCode === "SIGKILL") throw new Error(`${name} did not end within 20 s of SIGTERM`);
  };
  const kill = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  return { found, stop, kill, signal: (name) => child.kill(name) };
}

/** A chat with a database of its own. After `stop()`, `start()` brings it back on the same port. */
export async function startChat(...options) {
  const folder = await mkdtemp(path.join(os.tmpdir(), "tsugi-chat-"));
  const run = (port) =>
    start("chat", ["--port", String(port), "--db", path.join(folder, "chat.db"), ...options], /chat at (http:\S+)\s/);
  let running = await run(0);
  const url = running.found;
  const port = new URL(url).port;
  return {
    url,
    port,
    stop: () => running.stop(),
    start: async () => {
      running = await run(port);
    },
    end: async () => {
      await running.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The chat in a terminal, without a terminal: lines in, lines out. `heard` is what it printed. */
export function startTerminal(url, name, ...options) {
  const stdio = ["pipe", "pipe", "inherit"];
  const child = spawn(path.join(programs, "chat-cli"), [url, "--name", name, ...options], { stdio });
  const heard = [];
  createInterface({ input: child.stdout }).on("line", (line) => heard.push(line));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const leave = () => {
    child.stdin.end();
    return ended;
  };
  return { heard, say: (text) => child.stdin.write(`${text}\n`), leave };
}

export function startBrowser() {
  const quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: ["--no-sandbox", ...quiet, "--disable-component-update", "--disable-sync"],
  });
}

/** A person in a browser of their own, as far as cookies are concerned. */
export async function person(browser, url, name, options = {}, watch = () => {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(`${name}'s page:`, error));
  watch(page);
  await page.goto(url);
  await page.fill("#login-name", name);
  await page.click("#login button");
  await badge(page, "live", "polling");
  return page;
}

/** Waits until the badge says one of these. */
export async function badge(page, ...wanted) {
  await page.waitForFunction(
    (any) => any.includes(document.getElementById("badge")?.dataset.status),
    wanted,
    { timeout: 45_000 },
  );
}

export async function say(page, text) {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
}

/** Waits until the page shows this message, sent and not on its way. */
export function seen(page, text) {
  const sent = page.locator(".message:not(.pending):not(.failed) .bubble", { hasText: text });
  return sent.first().waitFor({ timeout: 20_000 });
}

/**
 * From now on the page's own files are there even while the server is not. Chromium takes such a page for one of the
 * internet, which may not open WebSockets to this machine: it polls.
 */
export async function keepFiles(context) {
  const files = path.join(root, "examples/chat/page/dist");
  for (const [at, name] of [["/", "index.html"], ["/chat.js"], ["/chat.css"], ["/icon.svg"]])
    await context.route((url) => url.pathname === at, (route) => route.fulfill({ path: path.join(files, name ?? at) }));
}

export async function screenshot(page, name) {
  const folder = path.join(target, "screenshots");
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`) });
}
