// The chat as people see it, in a real browser. Needs `cargo build -p chat` and Chromium.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startProxy, startTlsProxy } from "./proxy.mjs";
import { badge, keepFiles, person, say, screenshot, seen, startBrowser, startChat } from "./stage.mjs";

let browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser?.close());

/** Runs `play` with a chat, and clears everything away after it. */
async function withChat(play) {
  const chat = await startChat();
  try {
    await play(chat);
  } finally {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await chat.end();
  }
}

const unread = (page, room) => page.locator(".room", { hasText: room }).locator(".unread");

test("two people chat, see each other and see each other type", () =>
  withChat(async ({ url }) => {
    const ann = await person(browser, url, "Ann");
    const bob = await person(browser, url, "Bob");
    await ann.locator("#online", { hasText: "Bob" }).waitFor();
    await bob.locator("#online", { hasText: "Ann" }).waitFor();

    await say(ann, "Good morning!\n");
    await seen(bob, "Good morning!");
    await bob.locator("#text").pressSequentially("Good mo");
    await ann.locator("#typing", { hasText: "Bob is typing" }).waitFor();
    await bob.press("#text", "Enter");
    await seen(ann, "Good mo");
    await ann.waitForFunction(() => document.getElementById("typing").textContent === "");

    await ann.context().close();
    await bob.waitForFunction(() => !document.getElementById("online").textContent.includes("Ann"));
  }));

test("W4: a page that came over https connects over wss by itself", () =>
  withChat(async ({ port }) => {
    const proxy = await startTlsProxy(port);
    const opened = [];
    const ann = await person(browser, proxy.url, "Ann", { ignoreHTTPSErrors: true }, (page) =>
      page.on("websocket", (socket) => opened.push(socket.url())),
    );
    await badge(ann, "live");
    assert.ok(opened.length > 0 && opened.every((url) => url.startsWith(`${proxy.url.replace("https", "wss")}/`)), `${opened}`);
    await say(ann, "over TLS");
    await seen(ann, "over TLS");
    await ann.context().close();
    proxy.stop();
  }));

test("text is shown as text and never as a page", () =>
  withChat(async ({ url }) => {
    const ann = await person(browser, url, "<b>Ann</b>");
    await say(ann, "<img src=x onerror=alert(1)> https://example.org/a?b=1.");
    await seen(ann, "<img src=x");
    assert.equal(await ann.locator("#messages img, .head b b").count(), 0);
    assert.equal(await ann.locator(".bubble a").getAttribute("href"), "https://example.org/a?b=1");
  }));

test("what is said in another room is counted until it is read, on every tab of the reader", () =>
  withChat(async ({ url }) => {
    const ann = await person(browser, url, "Ann");
    const bob = await person(browser, url, "Bob");
    const second = await bob.context().newPage();
    await second.goto(url);
    await badge(second, "live");

    await ann.fill("#room-name", "Garden");
    await ann.press("#room-name", "Enter");
    await ann.locator("#room-title", { hasText: "Garden" }).waitFor();
    await bob.locator(".room", { hasText: "Garden" }).waitFor();
    await say(ann, "The roses are out");
    await say(ann, "and so are the bees");
    for (const page of [bob, second]) {
      await unread(page, "Garden").waitFor();
      await page.waitForFunction(() => document.querySelector(".unread")?.textContent === "2");
    }
    await bob.bringToFront();
    await bob.locator(".room", { hasText: "Garden" }).click();
    await seen(bob, "The roses are out");
    for (const page of [bob, second]) await unread(page, "Garden").waitFor({ state: "detached" });

    await say(bob, "I will come by");
    await second.locator(".room", { hasText: "Garden" }).click();
    await seen(second, "I will come by");
  }));

test("earlier messages come by scrolling up, and what was in sight stays there", () =>
  withChat(async ({ url }) => {
    const ann = await person(browser, url, "Ann");
    for (let n = 0; n < 60; n++) {
      await say(ann, `number ${n}`);
      await seen(ann, `number ${n}`);
    }
    await ann.reload();
    await seen(ann, "number 59");
    assert.equal(await ann.locator(".message").count(), 50);
    await ann.evaluate(() => { document.getElementById("scroll").scrollTop = 150; });
    await ann.locator(".beginning").waitFor({ state: "attached" });
    const texts = await ann.locator(".bubble").allTextContents();
    assert.deepEqual(texts, Array.from({ length: 60 }, (_, n) => `number ${n}`));
    const top = await ann.evaluate(() => document.getElementById("scroll").scrollTop);
    assert.ok(top > 300, `the ten that came above pushed the view down, to ${top}`);
  }));

test("another device of a person joins with a code, once", () =>
  withChat(async ({ url }) => {
    const ann = await person(browser, url, "Ann");
    await ann.click("#settings-open");
    await ann.click("#device");
    await ann.waitForFunction(() => document.getElementById("code").value !== "");
    const code = await ann.evaluate(() => document.getElementById("code").value);
    await ann.click("#settings-close");

    const join = async () => {
      const page = await (await browser.newContext()).newPage();
      await page.goto(url);
      await page.click("summary");
      await page.fill("#join-code", code.toLowerCase());
      await page.click("#join button");
      return page;
    };
    const phone = await join();
    await badge(phone, "live");
    // The badge is live with the connection; names come with the first reply.
    await phone.locator("#me-name", { hasText: "Ann" }).waitFor();
    assert.equal(await phone.textContent("#online-count"), "1");
    const thief = await join();
    await thief.locator("#join-problem", { hasText: "not valid" }).waitFor();
    await say(ann, "from the desk");
    await seen(phone, "from the desk");
  }));

test("when the server stops both say so, and when it is back both are live without a reload", () =>
  withChat(async (chat) => {
    const ann = await person(browser, chat.url, "Ann");
    const bob = await person(browser, chat.url, "Bob");
    await say(ann, "before");
    await seen(bob, "before");
    for (const page of [ann, bob]) await page.evaluate(() => { window.sameDocument = true; });

    await chat.stop();
    for (const page of [ann, bob]) await badge(page, "waiting", "connecting");
    await ann.locator("#badge-text", { hasText: "reconnecting" }).waitFor();
    await screenshot(ann, "chat-reconnecting");
    await say(ann, "into the void");
    await ann.locator(".pending .sent-state", { hasText: "will be sent" }).waitFor();

    await chat.start();
    for (const page of [ann, bob]) await badge(page, "live");
    await seen(bob, "into the void");
    await seen(ann, "into the void");
    for (const page of [ann, bob]) assert.equal(await page.evaluate(() => window.sameDocument), true);
  }));

test("W6: three messages written with the server down survive a reload, and arrive once and in order when it is back", () =>
  withChat(async (chat) => {
    const texts = ["one", "two", "three"];
    const ann = await person(browser, chat.url, "Ann");
    const bob = await person(browser, chat.url, "Bob");
    await say(ann, "before");
    await seen(bob, "before");
    await chat.stop();
    await badge(ann, "waiting", "connecting");
    for (const text of texts) await say(ann, text);
    assert.deepEqual(await ann.locator(".pending .bubble").allTextContents(), texts);
    await screenshot(ann, "chat-pending");

    await keepFiles(ann.context());
    await ann.reload();
    await ann.waitForTimeout(500);
    await chat.start();
    await seen(bob, "three");
    await seen(ann, "three");
    for (const page of [ann, bob]) {
      assert.deepEqual(await page.locator(".bubble").allTextContents(), ["before", ...texts]);
      assert.equal(await page.locator(".pending, .failed").count(), 0);
    }
    const ticks = await ann.locator(".bubble").evaluateAll((all) => all.map((one) => getComputedStyle(one, "::after").content));
    assert.ok(ticks.length === 4 && ticks.every((tick) => tick.includes("✓")), `${ticks}`);
    await screenshot(ann, "chat-delivered");
    await bob.reload();
    await seen(bob, "three");
    assert.deepEqual(await bob.locator(".bubble").allTextContents(), ["before", ...texts]);
  }));

test("W10: what Ann wrote and nobody got is not said by Bob, who uses her browser next, and is said when she is back", () =>
  withChat(async (chat) => {
    const page = await person(browser, chat.url, "Ann");
    const zoe = await person(browser, chat.url, "Zoe");
    await chat.stop();
    await badge(page, "waiting", "connecting");
    await say(page, "of Ann");
    await page.locator(".pending").waitFor();
    const cookies = await page.context().cookies();
    await page.context().clearCookies();
    await chat.start();
    await page.goto(chat.url);
    await page.fill("#login-name", "Bob");
    await page.click("#login button");
    await badge(page, "live");
    await say(page, "of Bob");
    await seen(zoe, "of Bob");
    assert.deepEqual(await zoe.locator(".bubble").allTextContents(), ["of Bob"]);

    await page.context().addCookies(cookies);
    await page.reload();
    await seen(zoe, "of Ann");
    assert.deepEqual(await zoe.locator(".bubble").allTextContents(), ["of Bob", "of Ann"]);
    assert.deepEqual(await zoe.locator(".message .head b").allTextContents(), ["Bob", "Ann"]);
  }));

test("what was written in a tab that is closed is said by another one", () =>
  withChat(async (chat) => {
    const ann = await person(browser, chat.url, "Ann");
    const second = await ann.context().newPage();
    await second.goto(chat.url);
    await badge(second, "live");
    // The badge is live with the connection; where one can write comes after it.
    await second.locator(".empty", { hasText: "Nobody has said" }).waitFor();
    await chat.stop();
    await badge(second, "waiting", "connecting");
    await say(second, "and off I go");
    await second.locator(".pending").waitFor();
    await second.waitForTimeout(300); // to the disk
    await second.close();
    await chat.start();
    await seen(ann, "and off I go");
    assert.equal(await ann.locator(".bubble").count(), 1);
  }));

test("without a network the badge says offline, and with one again it is live without a reload", () =>
  withChat(async ({ url }) => {
    const ann = await person(browser, url, "Ann");
    const bob = await person(browser, url, "Bob");
    await ann.evaluate(() => { window.sameDocument = true; });
    await ann.context().setOffline(true);
    await badge(ann, "offline");
    await ann.locator("#badge-text", { hasText: "offline" }).waitFor();
    await say(bob, "are you there?");
    await seen(bob, "are you there?");
    await ann.context().setOffline(false);
    await badge(ann, "live");
    await seen(ann, "are you there?");
    assert.equal(await ann.evaluate(() => window.sameDocument), true);
  }));

test("a new name is seen by others, on what was said before too, and on every tab of its owner", () =>
  withChat(async ({ url }) => {
    const ann = await person(browser, url, "Ann");
    const bob = await person(browser, url, "Bob");
    const second = await ann.context().newPage();
    await second.goto(url);
    await badge(second, "live");
    await say(ann, "who am I?");
    await seen(bob, "who am I?");
    await bob.locator(".message .head", { hasText: "Ann" }).waitFor();

    await ann.click("#settings-open");
    await ann.fill("#new-name", "Annabel");
    await ann.press("#new-name", "Enter");
    await bob.locator("#online", { hasText: "Annabel" }).waitFor();
    await bob.locator(".message .head", { hasText: "Annabel" }).waitFor();
    for (const page of [ann, second]) await page.locator("#me-name", { hasText: "Annabel" }).waitFor();

    await bob.click("#settings-open");
    await bob.fill("#new-name", "Annabel");
    await bob.press("#new-name", "Enter");
    await bob.locator("#settings-problem", { hasText: "name is taken" }).waitFor();
  }));

test("logging out in one tab ends the other tab too, and nobody else's", () =>
  withChat(async ({ url }) => {
    const ann = await person(browser, url, "Ann");
    const second = await ann.context().newPage();
    await second.goto(url);
    await badge(second, "live");
    const bob = await person(browser, url, "Bob");

    await ann.click("#settings-open");
    await ann.click("#logout");
    for (const page of [ann, second]) {
      await page.locator("#login-name").waitFor();
      assert.equal(await page.isVisible("#chat"), false);
    }
    await bob.waitForFunction(() => !document.getElementById("online").textContent.includes("Ann"));
    await badge(bob, "live");
  }));

test("what was said while somebody was on another page is there when they come back", () =>
  withChat(async ({ url }) => {
    const ann = await person(browser, url, "Ann");
    const bob = await person(browser, url, "Bob");
    await bob.goto("about:blank");
    await say(ann, "while you were out");
    await seen(ann, "while you were out");
    await bob.goBack();
    await seen(bob, "while you were out");
  }));

for (const mode of ["refuse", "silent", "mute", "buffer"]) {
  test(`with WebSockets blocked (${mode}) the chat works by polling, and climbs back when they are not`, () =>
    withChat(async (chat) => {
      const proxy = await startProxy(mode, chat.port);
      try {
        const ann = await person(browser, proxy.url, "Ann");
        const bob = await person(browser, chat.url, "Bob");
        await badge(ann, "polling");
        await badge(bob, "live");
        await say(ann, "by poll");
        await seen(bob, "by poll");
        await say(bob, "by socket");
        await seen(ann, "by socket");
        await screenshot(ann, `chat-polling-${mode}`);

        proxy.mode = "pass";
        // Else the next attempt is made after half a minute.
        await ann.evaluate(() => dispatchEvent(new Event("online")));
        await badge(ann, "live");
        await say(ann, "climbed back");
        await seen(bob, "climbed back");
        await say(bob, "welcome up");
        await seen(ann, "welcome up");
        assert.equal(await ann.locator(".bubble").count(), 4, "nothing is there twice");
      } finally {
        await proxy.stop();
      }
    }));
}

test("with WebSockets cut after a second everything still arrives, once and in order", () =>
  withChat(async (chat) => {
    const proxy = await startProxy("cut", chat.port, 1000);
    try {
      const ann = await person(browser, proxy.url, "Ann");
      const bob = await person(browser, chat.url, "Bob");
      const texts = Array.from({ length: 30 }, (_, n) => `number ${n}`);
      for (const text of texts) {
        await say(bob, text);
        await seen(bob, text);
      }
      await seen(ann, texts.at(-1));
      assert.deepEqual(await ann.locator(".bubble").allTextContents(), texts);
    } finally {
      await proxy.stop();
    }
  }));

test("it looks right on a desktop and on a phone, in light and in dark", () =>
  withChat(async ({ url }) => {
    const empty = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
    await empty.goto(url);
    await empty.locator("#login-name").waitFor();
    await screenshot(empty, "entrance-1280");

    const ann = await person(browser, url, "Ann Lee");
    await screenshot(ann, "chat-empty-1280");
    const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, deviceScaleFactor: 2 };
    const bob = await person(browser, url, "Bob", { ...phone, colorScheme: "dark" });
    const zoe = await person(browser, url, "Zoë Martin", phone);
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
    await screenshot(ann, "chat-1280");
    await screenshot(bob, "chat-390-dark");
    await screenshot(zoe, "chat-390");
    await zoe.click("#menu");
    await zoe.locator(".room", { hasText: "Kitchen" }).waitFor();
    await zoe.waitForTimeout(300); // the drawer slides in
    await screenshot(zoe, "drawer-390");
    const wide = await zoe.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.equal(wide, 0, "nothing is wider than the phone");
    await ann.emulateMedia({ colorScheme: "dark" });
    await ann.click("#settings-open");
    await screenshot(ann, "settings-1280-dark");
  }));
