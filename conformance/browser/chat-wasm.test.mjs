// The chat's page in Rust, beside the one in TypeScript, in one room. Needs `cargo xtask wasm --page chat-wasm`, `cargo build -p chat`
// and Chromium.
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startProxy } from "./proxy.mjs";
import { badge, person, say, screenshot, seen, startBrowser, startChat } from "./stage.mjs";

const built = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../target/pages/chat-wasm");

let browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser?.close());

/** Runs `play` with a chat, and clears everything away after it. */
async function withChat(play) {
  const chat = await startChat("--page", built);
  try {
    await play(chat);
  } finally {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await chat.end();
  }
}

/** Somebody with the page in Rust, where a panic is an error of the page. */
function rust(url, name, options) {
  return person(browser, `${url}/page`, name, options, (page) =>
    page.on("pageerror", (error) => assert.fail(`${name}'s page: ${error}`)),
  );
}

const typescript = (url, name, options) => person(browser, url, name, options);
const texts = (page) => page.locator(".bubble").allTextContents();
const unread = (page, room) => page.locator(".room", { hasText: room }).locator(".unread");

/** Every message of one's own has its tick, and nothing is on its way. */
async function ticked(page, count) {
  assert.equal(await page.locator(".pending, .failed").count(), 0);
  const ticks = await page
    .locator(".mine .bubble")
    .evaluateAll((all) => all.map((one) => getComputedStyle(one, "::after").content));
  assert.ok(ticks.length === count && ticks.every((tick) => tick.includes("✓")), `${ticks}`);
}

test("a page in Rust and one in TypeScript talk, see each other and see each other type", () =>
  withChat(async ({ url }) => {
    const ann = await rust(url, "Ann");
    const bob = await typescript(url, "Bob");
    await badge(ann, "live");
    await ann.locator("#online", { hasText: "Bob" }).waitFor();
    await bob.locator("#online", { hasText: "Ann" }).waitFor();

    await say(ann, "Good morning!\n");
    await seen(bob, "Good morning!");
    await seen(ann, "Good morning!");
    await ticked(ann, 1);
    await bob.locator("#text").pressSequentially("Good mo");
    await ann.locator("#typing", { hasText: "Bob is typing" }).waitFor();
    await bob.press("#text", "Enter");
    await seen(ann, "Good mo");
    await ann.waitForFunction(() => document.getElementById("typing").textContent === "");
    await ann.locator("#text").pressSequentially("So");
    await bob.locator("#typing", { hasText: "Ann is typing" }).waitFor();
    await ann.press("#text", "Enter");
    await seen(bob, "So");
    for (const page of [ann, bob]) assert.deepEqual(await texts(page), ["Good morning!", "Good mo", "So"]);

    await bob.context().close();
    await ann.waitForFunction(() => !document.getElementById("online").textContent.includes("Bob"));
  }));

test("text is shown as text and never as a page", () =>
  withChat(async ({ url }) => {
    const ann = await rust(url, "<b>Ann</b>");
    const text = "<img src=x onerror=alert(1)> https://example.org/a?b=1. http:// (https://example.org)";
    await say(ann, text);
    await seen(ann, "<img src=x");
    assert.equal(await ann.locator("#messages img, .head b b").count(), 0);
    assert.deepEqual(await texts(ann), [text]);
    const links = await ann.locator(".bubble a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
    assert.deepEqual(links, ["https://example.org/a?b=1", "https://example.org"]);
  }));

test("a message that the server refuses says why, and is tried again or discarded", () =>
  withChat(async ({ url }) => {
    const ann = await rust(url, "Ann");
    await say(ann, "ding \u0007 dong");
    await ann.locator(".failed .sent-state", { hasText: "Not sent: there are characters in it" }).waitFor();
    await screenshot(ann, "chat-wasm-failed");
    await ann.locator(".failed button", { hasText: "Try again" }).click();
    await ann.locator(".failed button", { hasText: "Discard" }).click();
    await ann.locator(".failed").waitFor({ state: "detached" });
    await ann.fill("#text", "x".repeat(2001));
    await ann.locator("#left", { hasText: "1 too many" }).waitFor();
    await ann.press("#text", "Enter");
    await ann.press("#text", "Backspace");
    await ann.press("#text", "Enter");
    await seen(ann, "x".repeat(2000));
    assert.equal(await ann.locator(".bubble").count(), 1);
  }));

test("what is said in another room is counted until it is read, on every tab of the reader", () =>
  withChat(async ({ url }) => {
    const ann = await rust(url, "Ann");
    const second = await ann.context().newPage();
    await second.goto(url);
    await badge(second, "live");
    const bob = await typescript(url, "Bob");

    await bob.fill("#room-name", "Garden");
    await bob.press("#room-name", "Enter");
    await bob.locator("#room-title", { hasText: "Garden" }).waitFor();
    await ann.locator(".room", { hasText: "Garden" }).waitFor();
    await say(bob, "The roses are out");
    await say(bob, "and so are the bees");
    for (const page of [ann, second]) {
      await page.waitForFunction(() => document.querySelector(".unread")?.textContent === "2");
      await page.waitForFunction(() => document.title.startsWith("(2) "));
    }
    await ann.bringToFront();
    await ann.locator(".room", { hasText: "Garden" }).click();
    await seen(ann, "The roses are out");
    await ann.locator(".separator.new").waitFor();
    for (const page of [ann, second]) await unread(page, "Garden").waitFor({ state: "detached" });

    await ann.fill("#room-name", "Cellar");
    await ann.press("#room-name", "Enter");
    await ann.locator("#room-title", { hasText: "Cellar" }).waitFor();
    await ann.locator(".empty", { hasText: "Nobody has said" }).waitFor();
  }));

test("earlier messages come by scrolling up, and what was in sight stays there", () =>
  withChat(async ({ url }) => {
    const bob = await typescript(url, "Bob");
    const said = Array.from({ length: 58 }, (_, n) => `number ${n}`);
    for (const text of said) await say(bob, text);
    await seen(bob, said.at(-1));
    const ann = await rust(url, "Ann");
    await seen(ann, said.at(-1));
    assert.equal(await ann.locator(".message").count(), 50);
    await ann.evaluate(() => { document.getElementById("scroll").scrollTop = 150; });
    await ann.locator(".beginning").waitFor({ state: "attached" });
    assert.deepEqual(await texts(ann), said);
    const top = await ann.evaluate(() => document.getElementById("scroll").scrollTop);
    assert.ok(top > 250, `the eight that came above pushed the view down, to ${top}`);

    await say(bob, "down here");
    await ann.locator("#newer").click();
    await ann.locator("#newer").waitFor({ state: "hidden" });
    const below = await ann.evaluate(() => {
      const { scrollHeight, scrollTop, clientHeight } = document.getElementById("scroll");
      return scrollHeight - scrollTop - clientHeight;
    });
    assert.ok(below < 2, `the end is in sight, but for ${below} pixels`);
  }));

test("when the server stops both pages say so, and what was written meanwhile arrives once and in order", () =>
  withChat(async (chat) => {
    const ann = await rust(chat.url, "Ann");
    const bob = await typescript(chat.url, "Bob");
    await say(bob, "before");
    await seen(ann, "before");
    for (const page of [ann, bob]) await page.evaluate(() => { window.sameDocument = true; });

    await chat.stop();
    for (const page of [ann, bob]) await badge(page, "waiting", "connecting");
    await ann.locator("#badge-text", { hasText: /reconnecting in \d+ s/ }).waitFor();
    const late = ["one", "two", "three"];
    for (const text of late) await say(ann, text);
    await ann.locator(".pending .sent-state", { hasText: "will be sent" }).nth(2).waitFor();
    assert.deepEqual(await ann.locator(".pending .bubble").allTextContents(), late);
    await screenshot(ann, "chat-wasm-pending");

    await chat.start();
    for (const page of [ann, bob]) await badge(page, "live");
    for (const page of [ann, bob]) {
      await seen(page, "three");
      assert.deepEqual(await texts(page), ["before", ...late]);
      assert.equal(await page.evaluate(() => window.sameDocument), true);
    }
    await ticked(ann, 3);
    await say(bob, "after");
    await seen(ann, "after");
  }));

test("without a network the badge says offline, and with one again it is live and shows what was missed", () =>
  withChat(async ({ url }) => {
    const ann = await rust(url, "Ann");
    const bob = await typescript(url, "Bob");
    await ann.context().setOffline(true);
    await badge(ann, "offline");
    await say(bob, "are you there?");
    await seen(bob, "are you there?");
    await ann.context().setOffline(false);
    await badge(ann, "live");
    await seen(ann, "are you there?");
  }));

test("with WebSockets refused the page works by polling, and climbs back when they are not", () =>
  withChat(async (chat) => {
    const proxy = await startProxy("refuse", chat.port);
    try {
      const ann = await rust(proxy.url, "Ann");
      const bob = await typescript(chat.url, "Bob");
      await badge(ann, "polling");
      await say(ann, "by poll");
      await seen(bob, "by poll");
      await say(bob, "by socket");
      await seen(ann, "by socket");
      await screenshot(ann, "chat-wasm-polling");
      proxy.mode = "pass";
      // Else the next attempt is made after half a minute.
      await ann.evaluate(() => dispatchEvent(new Event("online")));
      await badge(ann, "live");
      await say(ann, "climbed back");
      for (const page of [ann, bob]) await seen(page, "climbed back");
      assert.deepEqual(await texts(ann), ["by poll", "by socket", "climbed back"]);
      await ticked(ann, 2);
    } finally {
      await proxy.stop();
    }
  }));

test("a person takes another name, lets another device in, and logs out on both", () =>
  withChat(async ({ url }) => {
    const ann = await rust(url, "Ann");
    const bob = await typescript(url, "Bob");
    await say(ann, "who am I?");
    await seen(bob, "who am I?");
    await ann.click("#settings-open");
    await ann.fill("#new-name", "Bob");
    await ann.press("#new-name", "Enter");
    await ann.locator("#settings-problem", { hasText: "name is taken" }).waitFor();
    await ann.fill("#new-name", "Annabel");
    await ann.press("#new-name", "Enter");
    await ann.locator("#settings").waitFor({ state: "detached" });
    await bob.locator(".message .head", { hasText: "Annabel" }).waitFor();
    for (const place of ["#me-name", "#online", ".message .head"]) await ann.locator(place, { hasText: "Annabel" }).waitFor();

    await ann.click("#settings-open");
    await ann.click("#device");
    const code = await ann.locator("#code").textContent();
    await ann.press("#settings", "Escape");
    const second = await (await browser.newContext()).newPage();
    await second.goto(`${url}/page`);
    await second.click("summary");
    await second.fill("#join-code", "no such code");
    await second.click("#join button");
    await second.locator("#join-problem", { hasText: "not valid" }).waitFor();
    await second.fill("#join-code", code.toLowerCase());
    await second.click("#join button");
    await badge(second, "live");
    await second.locator("#me-name", { hasText: "Annabel" }).waitFor();

    const tab = await ann.context().newPage();
    await tab.goto(`${url}/page`);
    await badge(tab, "live");
    await ann.click("#settings-open");
    await ann.click("#logout");
    for (const page of [ann, tab]) await page.locator("#login-name").waitFor();
    await badge(second, "live");
  }));

test("it looks right on a desktop and on a phone, in light and in dark", () =>
  withChat(async ({ url }) => {
    const empty = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
    await empty.goto(`${url}/page`);
    await empty.locator("#login-name").waitFor();
    await screenshot(empty, "chat-wasm-entrance-1280");

    const ann = await rust(url, "Ann Lee");
    await ann.locator(".empty", { hasText: "Nobody has said" }).waitFor();
    const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, deviceScaleFactor: 2 };
    const bob = await rust(url, "Bob", { ...phone, colorScheme: "dark" });
    const zoe = await rust(url, "Zoë Martin", phone);
    await say(ann, "Morning! Who is in for a walk along the lake after lunch?");
    await say(ann, "The forecast says sun until four.");
    await seen(bob, "sun until four");
    await say(bob, "Me! 🙋 I can bring the dog, if nobody minds mud.");
    await seen(zoe, "mud");
    await say(zoe, "Nobody minds mud.\nMeet at the boathouse? https://example.org/maps/boathouse");
    await seen(ann, "boathouse");
    for (const room of ["Kitchen", "Weekend plans"]) {
      await ann.fill("#room-name", room);
      await ann.press("#room-name", "Enter");
      await ann.locator("#room-title", { hasText: room }).waitFor();
    }
    await say(ann, "A room for the weekend");
    await ann.locator(".room", { hasText: "Lobby" }).click();
    await unread(zoe, "Weekend plans").waitFor({ state: "attached" });
    await bob.locator("#text").pressSequentially("One o'clock");
    await ann.locator("#typing", { hasText: "Bob" }).waitFor();
    await screenshot(ann, "chat-wasm-1280");
    await screenshot(bob, "chat-wasm-390-dark");
    await screenshot(zoe, "chat-wasm-390");
    await zoe.click("#menu");
    await zoe.locator(".room", { hasText: "Kitchen" }).waitFor();
    // The drawer slides in.
    await zoe.waitForFunction(() => document.getElementById("sidebar").getAnimations().length === 0);
    await screenshot(zoe, "chat-wasm-drawer-390");
    const wide = await zoe.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.equal(wide, 0, "nothing is wider than the phone");
    await zoe.keyboard.press("Escape");
    await zoe.waitForFunction(() => document.getElementById("sidebar").inert);
    await ann.emulateMedia({ colorScheme: "dark" });
    await ann.click("#settings-open");
    await screenshot(ann, "chat-wasm-settings-1280-dark");
  }));
