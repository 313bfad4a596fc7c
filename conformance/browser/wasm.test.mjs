// The Rust client in a page, against the real server. Needs `cargo xtask test --only wasm`, which builds what it runs.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { after, afterEach, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { start, startBrowser } from "./stage.mjs";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const pages = path.join(root, "target/pages");
const TYPES = { ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };
const upTo = (count) => Array.from({ length: count }, (_, n) => n);

/**
 * A site: the pages' files, and everything else from the server behind it. That is the page's own origin then, as it is out
 * there. While `blocks` is true it refuses WebSockets.
 */
async function startSite() {
  const site = { port: 0, blocks: false };
  const server = http.createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://site");
    if (pathname.startsWith("/chsk") || pathname === "/conns") return forward(site, request, response);
    const text = pathname.endsWith("/") ? shell() : await readFile(path.join(pages, pathname)).catch(() => null);
    response.writeHead(text === null ? 404 : 200, { "content-type": TYPES[path.extname(pathname)] ?? "text/html" });
    response.end(text ?? "");
  });
  server.on("upgrade", (request, client, head) => {
    if (site.blocks) return client.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    const upstream = net.connect(site.port, "127.0.0.1");
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
    const headers = request.rawHeaders.reduce((text, part, n) => text + part + (n % 2 ? "\r\n" : ": "), "");
    upstream.write(`GET ${request.url} HTTP/1.1\r\n${headers}\r\n`);
    upstream.write(head);
    client.pipe(upstream).pipe(client);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  site.url = `http://127.0.0.1:${server.address().port}`;
  site.stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return site;
}

/** The page of what is built in a folder. */
function shell() {
  return `<!doctype html><link rel="icon" href="data:,"><script type="module">
    import * as module from "./page.js";
    Error.stackTraceLimit = 60;
    const done = () => Object.assign(window, { module, ready: true });
    module.default().then(done, (error) => { window.failed = error.stack; });
  </script>`;
}

function forward(site, request, response) {
  const { url, method, headers } = request;
  const onward = http.request({ port: site.port, host: "127.0.0.1", path: url, method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
  response.on("close", () => onward.destroy());
  request.pipe(onward);
}

const interop = (port = 0) => start("interop", ["--port", String(port)], /listening on (http:\S+)\s/);

let browser, site, server;
before(async () => {
  [browser, site, server] = await Promise.all([startBrowser(), startSite(), interop()]);
  site.port = Number(new URL(server.found).port);
});
after(async () => {
  await browser?.close();
  site?.stop();
  await server?.stop();
});
afterEach(async () => {
  site.blocks = false;
  await Promise.all(browser.contexts().map((context) => context.close()));
});

let users = 0;

/** A page with a client named `player`. */
async function open(paths, codec = "json") {
  const page = await (await browser.newContext()).newPage();
  page.on("pageerror", (error) => assert.fail(`the page: ${error}`));
  await page.goto(`${site.url}/wasm-client/`);
  await page.waitForFunction(() => window.ready);
  users += 1;
  await page.evaluate(
    ([user, paths, codec]) => { window.player = new module.Player("/chsk-open", user, paths, codec); },
    [`wasm-${users}`, paths, codec],
  );
  return page;
}

const state = (page, wanted) =>
  page.waitForFunction((wanted) => player.state() === wanted, wanted, { timeout: 45_000, polling: 50 });

/** Every kind of traffic, once. */
async function talks(page) {
  assert.equal(await page.evaluate(() => player.echo("ä\"\n漢😀")), "ä\"\n漢😀");
  const before = await page.evaluate(() => player.heard().length);
  await page.evaluate(() => player.pushes(100n));
  await page.waitForFunction((count) => player.heard().length >= count, before + 100, { polling: 50 });
  const heard = await page.evaluate((before) => Array.from(player.heard(), Number).slice(before), before);
  assert.deepEqual(heard, upTo(100));
}

for (const codec of ["json", "edn"])
  for (const [paths, transport] of [["both", "WebSocket"], ["poll", "Poll"]])
    test(`events, requests and pushes go over ${transport} in ${codec}`, async () => {
      const page = await open(paths, codec);
      assert.equal(await page.evaluate(() => player.ready()), `${transport} New`);
      await talks(page);
    });

// A test that fails ends its module: the stack says which. The sessions, connections, codecs and frames of the protocol.
for (const suite of (process.env.TSUGI_SUITES ?? "").split(",").filter(Boolean))
  test(`the tests of ${suite} pass in a page`, async () => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(`${site.url}/${suite}/`);
    const ended = await page.waitForFunction(() => window.failed ?? window.ready, undefined, { timeout: 300_000, polling: 100 });
    assert.equal(await ended.jsonValue(), true);
  });

test("the example prints in a page what it prints in a terminal", async () => {
  const page = await (await browser.newContext()).newPage();
  const printed = [];
  page.on("console", (line) => printed.push(line.text()));
  const done = page.waitForEvent("console", { predicate: () => printed.length >= 4, timeout: 30_000 });
  await page.goto(`${site.url}/everywhere/`);
  await done;
  const pushed = printed.filter((line) => line.startsWith("pushed srv/n"));
  assert.deepEqual(pushed.map((line) => /\d+/.exec(line)?.[0]), ["0", "1", "2"], `${printed}`);
  assert.ok(printed.some((line) => line.startsWith("replied") && line.includes("hello")), `${printed}`);
});

test("where WebSockets are blocked it polls, and it goes back to a WebSocket in the same session when they are not", async () => {
  site.blocks = true;
  const page = await open("both");
  assert.equal(await page.evaluate(() => player.ready()), "Poll New");
  await talks(page);
  site.blocks = false;
  await page.evaluate(() => player.reconnect());
  await state(page, "WebSocket");
  assert.equal(await page.evaluate(() => player.ready()), "WebSocket Resumed");
  await talks(page);
});

test("a page that is told of another network climbs from polling to a WebSocket by itself", async () => {
  site.blocks = true;
  const page = await open("both");
  await state(page, "Poll");
  site.blocks = false;
  await page.context().setOffline(true);
  await page.context().setOffline(false);
  await state(page, "WebSocket");
  await talks(page);
});

for (const paths of ["ws", "poll"])
  test(`what was said while the server was dead is answered once it is back, by ${paths}`, async () => {
    const page = await open(paths);
    await page.evaluate(() => player.ready());
    await server.kill();
    await state(page, "Waiting");
    await page.evaluate(() => { window.late = player.echo("still there?"); });
    server = await interop(site.port);
    assert.equal(await page.evaluate(() => window.late), "still there?");
    await talks(page);
  });

test("a page without a network tries seldom, and at once when it is told that the network is back", async () => {
  const page = await open("both");
  await page.evaluate(() => player.ready());
  await page.context().setOffline(true);
  await server.kill();
  await state(page, "Waiting");
  server = await interop(site.port);
  await page.context().setOffline(false);
  await state(page, "WebSocket");
  await talks(page);
});

test("more than a WebSocket takes at once waits, and all of it arrives", async () => {
  const page = await open("ws");
  await page.evaluate(() => player.ready());
  await page.evaluate(() => player.flood(100, 50_000));
  await talks(page);
});

test("a client that is let go of leaves nothing open, in the page or at the server", async () => {
  const page = await open("both");
  await page.evaluate(() => player.ready());
  const user = `wasm-${users}`;
  const connected = async () => (await (await fetch(`${site.url}/conns`)).text()).includes(user);
  assert.ok(await connected(), "the server knows the user");
  await page.evaluate(() => player.free());
  for (let tries = 0; await connected(); tries++) {
    assert.ok(tries < 200, "the session ends");
    await page.waitForTimeout(50);
  }
});

test("a client that was closed says so", async () => {
  const page = await open("both");
  await page.evaluate(() => player.ready());
  await page.evaluate(() => player.close());
  assert.equal(await page.evaluate(() => player.state()), "Closed Closed");
  await assert.rejects(page.evaluate(() => player.echo("anybody?")));
});
