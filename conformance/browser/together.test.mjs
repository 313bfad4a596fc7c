// One room, every client there is: a page, two terminals with the Rust client, and a program with the TypeScript client in Node.
// Needs `cargo build -p chat -p chat-cli` and Chromium.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { badge, person, say, seen, startBrowser, startChat, startTerminal } from "./stage.mjs";

const js = new URL("../../js/", import.meta.url);
const NodeWebSocket = createRequire(new URL("package.json", js))("ws").WebSocket;
const { connect } = await import(new URL("dist/index.js", js));

/** Somebody who talks by a program; `heard` is what was said, and by whom. */
async function program(url, name) {
  const login = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ name }) };
  const answer = await fetch(`${url}/api/login`, login);
  const cookie = answer.headers.get("set-cookie").split(";")[0];
  class WebSocket extends NodeWebSocket {
    constructor(address, protocols) {
      super(address, protocols, { headers: { cookie } });
    }
  }
  const heard = [];
  const client = connect(`${url}/chsk`, { WebSocket, headers: { cookie } });
  client.on("chat/said", ({ by, text }) => heard.push(`${by.name}: ${text}`));
  await client.ready();
  const { rooms } = await client.request("chat/enter");
  const room = rooms.find(({ name }) => name === "Lobby").id;
  return { client, heard, say: (text) => client.request("chat/say", { room, text, key: `${name} ${text}` }) };
}

async function until(isSo, what) {
  const end = Date.now() + 20_000;
  while (!isSo()) {
    assert.ok(Date.now() < end, what());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("a page, two terminals and a program talk in one room, one of them by long-poll only", async () => {
  const chat = await startChat();
  const browser = await startBrowser();
  const cleo = startTerminal(chat.url, "Cleo");
  const dora = startTerminal(chat.url, "Dora", "--poll");
  const emil = await program(chat.url, "Emil");
  try {
    const ann = await person(browser, chat.url, "Ann");
    await badge(ann, "live");
    for (const name of ["Cleo", "Dora", "Emil"]) await ann.locator("#online", { hasText: name }).waitFor();

    const said = [];
    const speakers = [["Ann", (text) => say(ann, text)], ["Cleo", cleo.say], ["Dora", dora.say], ["Emil", emil.say]];
    for (const [name, speak] of speakers) {
      const text = `it is ${name}`;
      await speak(text);
      said.push(`${name}: ${text}`);
      await seen(ann, text);
    }
    const ends = [["Cleo", cleo.heard], ["Dora", dora.heard], ["Emil", emil.heard]];
    for (const [name, heard] of ends) {
      const lines = () => heard.filter((line) => said.includes(line));
      await until(() => lines().length >= said.length, () => `${name} heard ${lines()}`);
      assert.deepEqual(lines(), said, `what ${name} heard`);
    }
  } finally {
    emil.client.close();
    const left = await Promise.all([cleo.leave(), dora.leave()]);
    await browser.close();
    await chat.end();
    assert.deepEqual(left, [0, 0], "both terminals left in good order");
  }
});
