// The real sockjs-client in Node, on each of its transports.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import SockJS from "sockjs-client";
import { opener, scenarios } from "./scenarios.mjs";
import { startServer } from "./stage.mjs";

const TRANSPORTS = ["websocket", "xhr-streaming", "eventsource", "xhr-polling"];

for (const profile of ["current", "0.3.3"]) {
  let server;
  before(async () => {
    server = await startServer("--sockjs-profile", profile);
  });
  after(() => server?.stop());

  for (const transport of TRANSPORTS) {
    for (const [name, play] of Object.entries(scenarios)) {
      test(`${transport}, ${profile} bytes: ${name}`, { concurrency: true }, () =>
        play({ open: opener(SockJS, server.url, transport), transport }),
      );
    }
  }

  test(`${profile} bytes: where WebSockets are off the client falls back`, async () => {
    const socket = new SockJS(`${server.url}/disabled_websocket_echo`, undefined, { timeout: 15_000 });
    await new Promise((open, closed) => Object.assign(socket, { onopen: open, onclose: closed }));
    assert.equal(socket.transport, "xhr-streaming");
    socket.send("still here");
    const { data } = await new Promise((message) => Object.assign(socket, { onmessage: message }));
    assert.equal(data, "still here");
    socket.close();
  });

  test(`${profile} bytes: a client that vanishes in the middle ends its session, and its id can be used again`, async () => {
    const url = `${server.url}/echo/000/vanish/xhr_streaming`;
    const abort = new AbortController();
    const first = await fetch(url, { method: "POST", signal: abort.signal });
    const reader = first.body.getReader();
    assert.match(new TextDecoder().decode((await reader.read()).value), /^h+\n/);
    abort.abort();
    const again = await fetch(url, { method: "POST" });
    const text = again.body.pipeThrough(new TextDecoderStream()).getReader();
    let seen = "";
    while (!/\n[oc]/.test(seen)) seen += (await text.read()).value;
    assert.match(seen, /\no\n$/);
    await text.cancel();
  });
}

test("an /info that fails is a close with 1002", async () => {
  const broken = createServer((_, response) => response.writeHead(503).end());
  await new Promise((listening) => broken.listen(0, "127.0.0.1", listening));
  const socket = new SockJS(`http://127.0.0.1:${broken.address().port}/echo`);
  const { code, reason } = await new Promise((closed) => Object.assign(socket, { onclose: closed }));
  assert.deepEqual({ code, reason }, { code: 1002, reason: "Cannot connect to server" });
  await new Promise((closed) => broken.close(closed));
});
