/** A codec whose messages are bytes, on every carrier. */
import { beforeEach, describe, expect, it } from "vitest";
import { connectIn } from "../src/connect.js";
import type { Client, Options } from "../src/index.js";
import { msgpack, readAll, write } from "../src/msgpack.js";
import { EXTENSION, hello, World } from "./world.js";

type Any = Record<string, unknown>;

let world: World;
let client: Client<Any, Any>;
let events: unknown[];

beforeEach(() => {
  world = new World();
  events = [];
});

function start(options: Options = {}): void {
  client = connectIn<Any, Any>(world, "/chsk", { clientId: "c", codec: msgpack(), ...options });
  client.onAny((id, data) => events.push([id, data]));
}

const bytes = (...packets: unknown[]): ArrayBuffer =>
  Uint8Array.from(packets.flatMap((packet) => [...write(packet)])).buffer;
const handshake = (extension: unknown = EXTENSION): unknown => [
  ["chsk/handshake", ["ann", null, null, extension]],
  null,
];
const welcome = [["chsk/welcome", { session: "s", outcome: "new", next: 1, taken: 0, handled: 0 }], null];
/** What a frame or a body holds. */
const read = (message: unknown): unknown[] => readAll(message as Uint8Array);
async function posted(body: unknown): Promise<unknown[]> {
  return read(new Uint8Array(await new Response(body as BodyInit).arrayBuffer()));
}

describe("over a WebSocket", () => {
  beforeEach(async () => {
    start();
    await world.settle();
    world.socket.saysRaw(bytes(handshake()));
    await world.settle();
    world.socket.saysRaw(bytes(welcome));
  });

  it("every message is a binary frame", async () => {
    expect(world.socket).toMatchObject({ binaryType: "arraybuffer" });
    expect(world.socket.url).toContain("codec=msgpack");
    client.send("a/b", { text: "ü" });
    const reply = client.request("c/d", 1);
    const { sent } = world.socket;
    expect(sent.every((frame) => frame instanceof Uint8Array)).toBe(true);
    expect(sent.flatMap(read)).toEqual([
      hello({ received: 0 }),
      [["a/b", { text: "ü" }], -1],
      [["c/d", 1], 2],
    ]);
    world.socket.saysRaw(bytes([[["e/f", { g: 1 }], ["h/i"]], null]));
    world.socket.saysRaw(bytes([{ done: true }, 2]));
    expect(events).toEqual([
      ["e/f", { g: 1 }],
      ["h/i", undefined],
    ]);
    expect(await reply).toEqual({ done: true });
  });

  it("a frame of text breaks the rules", () => {
    world.socket.saysRaw("[[[],null],null]");
    expect(client.state).toMatchObject({ reason: "bad-frame", message: expect.stringContaining("of text") });
  });

  it("a frame that is cut off breaks the rules", () => {
    world.socket.saysRaw(bytes([[["e/f", 1]], null]).slice(0, 4));
    expect(client.state).toMatchObject({
      reason: "bad-frame",
      message: expect.stringContaining("ends inside"),
    });
  });

  it("what is too large for the server is known to the byte", () => {
    const limit = EXTENSION["max-message"];
    let largest = limit - 100;
    const written = (length: number) =>
      msgpack().encode({ id: "a/b", data: new Uint8Array(length), slot: -1 }).length;
    while (written(largest) <= limit) largest += 1;
    client.send("a/b", new Uint8Array(largest - 1));
    expect((world.socket.sent.at(-1) as Uint8Array).length).toBe(limit);
    expect(() => client.send("a/b", new Uint8Array(largest))).toThrow(/1000 bytes/);
  });
});

describe("over long-poll", () => {
  it("bodies are packets one after another, both ways", async () => {
    start({ transports: ["poll"] });
    await world.settle();
    world.open("GET", "handshake").answerRaw(bytes(handshake()));
    await world.settle();
    const greeting = world.open("POST");
    expect(greeting.headers).toMatchObject({ "Content-Type": "application/vnd.msgpack" });
    expect(await posted(greeting.body)).toEqual([hello({ received: 0 })]);
    for (const n of [1, 2, 3]) client.send("a/b", n);
    greeting.answerRaw(bytes(welcome));
    await world.settle();
    expect(await posted(world.open("POST").body)).toEqual([1, 2, 3].map((n) => [["a/b", n], -n]));
    world
      .open("GET", "ack")
      .answerRaw(bytes([["chsk/from", 1], null], [[["e/f", 1]], null], [[["e/f", 2]], null]));
    await world.settle();
    expect(events).toEqual([
      ["e/f", 1],
      ["e/f", 2],
    ]);
  });

  it("a refusal is text in any case", async () => {
    start({ transports: ["poll"] });
    await world.settle();
    world.open("GET", "handshake").status(401);
    await world.settle();
    expect(client.state).toMatchObject({ status: "closed", httpStatus: 401, message: "why" });
  });

  it("a Sente server gets the bytes as they are, and is told so", async () => {
    start({ transports: ["poll"], wire: "sente" });
    await world.settle();
    world.open("GET", "handshake").answerRaw(bytes([["chsk/handshake", ["ann", null, null]], null]));
    await world.settle();
    const reply = client.request("c/d", 1);
    await world.settle();
    const post = world.open("POST");
    expect(post.url.searchParams.get("binary?")).toBe("true");
    expect(await posted(post.body)).toEqual([[["c/d", 1], "ajax"]]);
    post.answerRaw(bytes(["yes", "ajax"]));
    await world.settle();
    expect(await reply).toBe("yes");
  });
});
