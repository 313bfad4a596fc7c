// The room over SockJS as people see it (row M14 of the table). Needs `cargo build -p sockjs-chat` and Chromium.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { screenshot, start, startBrowser } from "./stage.mjs";

let browser;
let room;
before(async () => {
  browser = await startBrowser();
  room = await start("sockjs-chat", ["--port", "0"], /sockjs-chat at (http:\S+)\s/);
});
after(async () => {
  await browser?.close();
  await room?.stop();
});

async function guest(query = "", viewport = { width: 1280, height: 800 }) {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error("the page:", error));
  await page.goto(`${room.found}/${query}`);
  await page.locator("#state", { hasText: "connected by" }).waitFor();
  return page;
}

const users = (page) => page.locator("#users li").allTextContents();
const heard = (page, text) => page.locator("#messages p", { hasText: text }).first().waitFor();

async function rename(page, name) {
  await page.fill("#name", name);
  await page.click("#rename button");
}

async function say(page, text) {
  await page.fill("#text", text);
  await page.click("#say button");
}

for (const query of ["", "?transports=xhr-streaming", "?transports=xhr-polling"]) {
  test(`M14: two pages join, talk, rename and leave ${query}`, async () => {
    const ann = await guest(query);
    const bob = await guest(query, { width: 390, height: 780 });
    await heard(ann, "Guest 2 joined");
    assert.deepEqual(await users(ann), ["Guest 1", "Guest 2"]);
    assert.deepEqual(await users(bob), ["Guest 1", "Guest 2"]);

    await rename(ann, "Ann");
    await heard(bob, "Guest 1 is now known as Ann");
    await rename(bob, "Ann");
    await bob.locator("#refused", { hasText: "Ann is taken" }).waitFor();
    await rename(bob, "Bob");
    await heard(ann, "Guest 2 is now known as Bob");

    await say(ann, `<b>hello</b> ${"x".repeat(200)}`);
    await heard(bob, "<b>hello</b>");
    const [shown] = await bob.locator("#messages p:not(.notice)").allTextContents();
    assert.equal(shown.length, "Ann: ".length + 140);
    assert.equal(await ann.locator("#messages p:not(.notice)").count(), 1, "one's own words are not heard twice");
    await say(bob, "Good morning! A somewhat longer answer, to see how lines break on a small screen.");
    await heard(ann, "Good morning!");
    if (!query) await Promise.all([screenshot(ann, "sockjs-chat-wide"), screenshot(bob, "sockjs-chat-phone")]);

    await bob.context().close();
    await heard(ann, "Bob left");
    assert.deepEqual(await users(ann), ["Ann"]);
    await ann.context().close();
  });
}

test("a slow or broken page hurts nobody", async () => {
  const ann = await guest();
  await ann.evaluate(() => {
    for (const text of ["no json", "[]", '["text"]', '["change-name",{"name":""}]', '["made-up",1]']) socket.send(text);
  });
  await ann.locator("#refused", { hasText: "A name needs a letter" }).waitFor();
  await say(ann, "still here");
  await heard(ann, "still here");
  await ann.context().close();
});
