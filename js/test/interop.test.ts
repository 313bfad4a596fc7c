/** The client against the Rust server: `TSUGI_URL` is the address of `cargo run -p interop`. */
import { createServer, request as httpRequest, type Server } from "node:http";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { Decimal, EdnSymbol, edn, keyword, List, Ratio, Tagged, Uuid } from "../src/edn.js";
import { type Client, type Codec, connect, json, type Options, type State } from "../src/index.js";
import { msgpack } from "../src/msgpack.js";
import { transit } from "../src/transit.js";
import { connectWithOnline } from "./online.js";
import { anyValue, random } from "./values.js";

type Any = Record<string, unknown>;

const base = process.env.TSUGI_URL;
if (!base) console.warn("SKIPPED: no TSUGI_URL, so the client was not tried against the Rust server");

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

let users = 0;

function open(path: string, options: Options = {}, at = base): Client<Any, Any> {
  users += 1;
  const params = { uid: `js${process.pid}-${users}` };
  const client = connect<Any, Any>(`${at}${path}`, { WebSocket, params, ...options });
  closing.push(() => client.close());
  return client;
}

function until(client: Client<Any, Any>, wanted: (state: State) => boolean): Promise<State> {
  if (wanted(client.state)) return Promise.resolve(client.state);
  return new Promise((resolve) => {
    const off = client.onState((now) => {
      if (!wanted(now)) return;
      off();
      resolve(now);
    });
  });
}

/** The first `count` of an event. */
function collect(client: Client<Any, Any>, id: string, count: number): Promise<unknown[]> {
  const seen: unknown[] = [];
  return new Promise((resolve) => {
    const off = client.on(id, (data) => {
      seen.push(data);
      if (seen.length < count) return;
      off();
      resolve(seen);
    });
  });
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

const codecs = [json(), edn(), transit(), transit({ style: "verbose" }), msgpack()];
const ways = (["ws", "poll"] as const).flatMap((transport) =>
  codecs.map((codec): [name: string, options: Options] => [
    `${codec.name} over ${transport}`,
    { transports: [transport], codec },
  ]),
);

describe.skipIf(!base)("the Rust server", () => {
  describe.each(ways)("%s", (_, options) => {
    it("W1: events and requests go up, pushes come down, in order", async () => {
      const client = open("/chsk-open", options);
      await client.ready();
      expect(client.state).toMatchObject({ status: "open", user: `js${process.pid}-${users}` });
      const pushed = collect(client, "srv/n", 50);
      client.send("test/push", 50);
      expect(await pushed).toEqual(upTo(50));
      expect(await client.request("test/echo", "ü 😀")).toEqual({ echo: "ü 😀" });
    });

    it("W13: 100 overlapping requests each get their own reply; null is one; a slow one times out", async () => {
      const client = open("/chsk-open", options);
      await client.ready();
      const slow = client.request("test/slow", 100);
      const late = client.request("test/slow", 3000, { timeoutMs: 200 }).catch((error: unknown) => error);
      const replies = await Promise.all(upTo(100).map((n) => client.request("test/echo", n)));
      expect(replies).toEqual(upTo(100).map((n) => ({ echo: n })));
      expect(await client.request("test/nilreply", null)).toBeNull();
      expect(await slow).toBe("done");
      expect(await late).toMatchObject({ code: "timeout" });
    });

    it("W18: an unknown event harms nothing", async () => {
      const client = open("/chsk-open", options);
      await client.ready();
      client.send("no/body", { knows: "this" });
      expect(await client.request("test/echo", 1)).toEqual({ echo: 1 });
    });

    it("W16: a client that was closed stays so", async () => {
      const client = open("/chsk-open", options);
      await client.ready();
      client.close();
      expect(client.state).toMatchObject({ status: "closed", reason: "closed" });
      await expect(client.request("test/echo", 1)).rejects.toMatchObject({ code: "disconnected" });
    });

    it("the handshake's data and the CSRF token arrive", async () => {
      const client = open("/chsk", { ...options, csrfToken: async () => "tok" });
      await client.ready();
      expect(client.state).toMatchObject({ status: "open", data: { hello: "world" } });
      expect(await client.request("test/echo", 1)).toEqual({ echo: 1 });
    });

    it("is told why it is refused", async () => {
      await expect(
        open("/chsk-auth", { ...options, transports: ["ws", "poll"] }).ready(),
      ).rejects.toMatchObject({
        state: { reason: "refused", httpStatus: 401 },
      });
    });
  });

  const preserving: [name: string, codec: Codec][] = [
    ["edn", edn({ keywords: "preserve" })],
    ["transit", transit({ keywords: "preserve" })],
    ["transit-verbose", transit({ keywords: "preserve", style: "verbose" })],
    ["msgpack", msgpack({ keywords: "preserve" })],
  ];
  const carried = preserving.flatMap(([name, codec]) =>
    (["ws", "poll"] as const).map((transport): [string, Options] => [
      `${name} over ${transport}`,
      { codec, transports: [transport] },
    ]),
  );

  describe.each(carried)("%s", (_, options) => {
    it("W2: every value comes back as it went", async () => {
      const isMsgpack = options.codec?.name === "msgpack";
      const client = open("/chsk-open", options);
      await client.ready();
      const values = [
        null,
        true,
        1.5,
        -0,
        2 ** 60,
        Number.NaN,
        2n ** 62n + 1n,
        "a ~ ^ ` 😀",
        [1, [2]],
        { a: { b: 1 } },
        new Map<unknown, unknown>([
          ["a", keyword("a")],
          [[1], { "long-enough": [{ "long-enough": 1 }] }],
        ]),
        new Set([1, keyword("x/y")]),
        new Date(5),
        new Uuid("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        new Uint8Array([0, 255, 128]),
        new EdnSymbol("x"),
        new Ratio("22/7"),
        isMsgpack ? new Tagged("msgpack/ext5", new Uint8Array([1])) : new Tagged("t/x", 1),
        ...(isMsgpack ? [] : [new Decimal("1.10"), new List([1]), 123456789012345678901234567890n]),
      ];
      const replies = await Promise.all(values.map((value) => client.request("test/echo", value)));
      expect(replies).toEqual(values.map((echo) => ({ echo })));
    });

    it("300 values at random come back as they went", async () => {
      const isMsgpack = options.codec?.name === "msgpack";
      const kinds = {
        decimals: !isMsgpack,
        lists: !isMsgpack,
        tags: !isMsgpack,
        big: !isMsgpack,
        names: options.codec?.name !== "edn",
      };
      const client = open("/chsk-open", options);
      await client.ready();
      const values = upTo(300).map((seed) => anyValue(random(seed), kinds, 3));
      const replies = await Promise.all(values.map((value) => client.request("test/echo", value)));
      for (const seed of upTo(300)) expect(replies[seed], `seed ${seed}`).toEqual({ echo: values[seed] });
    });
  });

  it.each<[string, Codec]>([
    ["/chsk-transit", transit()],
    ["/chsk-transit-verbose", transit({ style: "verbose" })],
    ["/chsk-msgpack", msgpack()],
  ])("%s serves a client that is as plain as Sente's", async (path, codec) => {
    for (const transport of ["ws", "poll"] as const) {
      const client = open(path, { codec, transports: [transport], wire: "sente" });
      await client.ready();
      const pushed = collect(client, "srv/n", 20);
      client.send("test/push", 20);
      expect(await pushed).toEqual(upTo(20));
      expect(await client.request("test/echo", { name: ["ü"] })).toEqual({ echo: { name: ["ü"] } });
    }
  });

  it("refuses a codec that a server does not offer, and names those it does", async () => {
    const client = open("/chsk-msgpack", { codec: json(), transports: ["poll"] });
    await expect(client.ready()).rejects.toMatchObject({
      state: { reason: "rejected", httpStatus: 400, message: expect.stringContaining("msgpack") },
    });
  });

  it.each(codecs.map((codec): [string, Codec] => [codec.name, codec]))(
    "%s: half a character is refused where it is sent, and the connection stays",
    async (_, codec) => {
      const client = open("/chsk-open", { codec });
      await client.ready();
      expect(() => client.send("test/echo", "half \ud83d")).toThrow(/half a character/);
      expect(await client.request("test/echo", "whole 😀")).toEqual({ echo: "whole 😀" });
      expect(client.state).toMatchObject({ status: "open" });
    },
  );

  it.each(codecs.map((codec): [string, Codec] => [codec.name, codec]))(
    "%s: a message that is too large is refused before it is sent, to the byte",
    async (_, codec) => {
      const client = open("/chsk-open", { codec });
      await client.ready();
      const data = (length: number) => "é".repeat(length);
      const written = codec.encode({ id: "test/echo", data: data(30_000), slot: 100 });
      const spare = 65_536 - Buffer.from(written as string).length;
      const length = 30_000 + Math.floor((spare - 2) / 2);
      expect(await client.request("test/echo", data(length))).toEqual({ echo: data(length) });
      await expect(client.request("test/echo", data(length + 4))).rejects.toMatchObject({
        code: "too-large",
      });
    },
  );

  it("W12: comes back after a cut to the same session, with what was pushed", async () => {
    const relay = await Relay.start();
    const client = open("/chsk-open", {}, relay.url);
    await client.ready();
    const pushed = collect(client, "srv/n", 3);
    await client.request("test/echo", 1);
    client.send("test/push-flush", 3);
    relay.cut();
    await until(client, ({ status }) => status === "waiting");
    expect(await until(client, ({ status }) => status === "open")).toMatchObject({ resumed: true });
    client.send("test/push-flush", 3);
    expect((await pushed).every((n) => typeof n === "number")).toBe(true);
  });

  it("falls back to polling when upgrades are refused, and climbs back unnoticed when they are not", async () => {
    const relay = await Relay.start();
    relay.upgrades = false;
    const options = { WebSocket, params: { uid: `js${process.pid}-climb` } };
    const { client, online } = connectWithOnline(`${relay.url}/chsk-open`, options);
    closing.push(() => client.close());
    await client.ready();
    expect(client.state).toMatchObject({ transport: "poll", why: "refused" });
    relay.upgrades = true;
    const moved = until(client, (now) => now.status === "open" && now.transport === "ws");
    const pushed = collect(client, "srv/n", 90);
    online();
    const replies = [];
    for (let n = 0; n < 30; n += 1) {
      client.send("test/push-flush", 3);
      replies.push(client.request("test/echo", n));
      await new Promise((later) => setTimeout(later, 20));
    }
    expect(await moved).toMatchObject({ resumed: true });
    expect(await Promise.all(replies)).toEqual(upTo(30).map((n) => ({ echo: n })));
    expect(await pushed).toEqual(upTo(30).flatMap(() => [0, 1, 2]));
  });
});

/** Passes everything on, unless told otherwise. */
class Relay {
  upgrades = true;
  readonly #server: Server;
  readonly #sockets = new Set<{ destroy(): void }>();

  private constructor() {
    const target = new URL(base as string);
    this.#server = createServer((request, response) => {
      const { method, url: path, headers } = request;
      const onward = httpRequest(
        { host: target.hostname, port: target.port, method, path, headers },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        },
      );
      onward.on("error", () => response.destroy());
      response.on("close", () => onward.destroy());
      request.pipe(onward);
    });
    this.#server.on("upgrade", (request, socket) => {
      if (!this.upgrades) return socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      const onward = connectTcp(Number(target.port), target.hostname);
      const lines = upTo(request.rawHeaders.length / 2).map(
        (n) => `${request.rawHeaders[2 * n]}: ${request.rawHeaders[2 * n + 1]}`,
      );
      onward.write(`GET ${request.url} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
      socket.pipe(onward).pipe(socket);
      for (const end of [socket, onward]) {
        this.#sockets.add(end);
        end.on("error", () => {});
        end.on("close", () => [socket, onward].map((either) => either.destroy()));
      }
    });
  }

  static async start(): Promise<Relay> {
    const relay = new Relay();
    await new Promise<void>((listening) => relay.#server.listen(0, "127.0.0.1", listening));
    closing.push(() => {
      relay.cut();
      relay.#server.closeAllConnections();
      relay.#server.close();
    });
    return relay;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }
}
