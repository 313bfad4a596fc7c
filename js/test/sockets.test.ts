/** The client against real sockets. What depends on time is in the tests with a clock of their own. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import {
  type Client,
  ConnectError,
  connect,
  type Options,
  RequestError,
  SendError,
  type State,
} from "../src/index.js";
import { connectWithOnline } from "./online.js";
import { ScriptedServer } from "./server.js";

type Any = Record<string, unknown>;

let server: ScriptedServer;
const clients: Client<Any, Any>[] = [];

beforeEach(async () => {
  server = await ScriptedServer.start();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.stop();
});

function open(options: Options = {}): Client<Any, Any> {
  const client = connect<Any, Any>(server.url, { WebSocket, random: () => 0, ...options });
  clients.push(client);
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

function next(client: Client<Any, Any>, id: string): Promise<unknown> {
  return new Promise((resolve) => {
    const off = client.on(id, (data) => {
      off();
      resolve(data);
    });
  });
}

for (const transport of ["ws", "poll"] as const) {
  describe(`over ${transport}`, () => {
    const options: Options = { transports: [transport] };

    it("opens, and says who and what the handshake said", async () => {
      const client = open(options);
      await client.ready();
      expect(client.state).toEqual({
        status: "open",
        transport,
        user: null,
        resumed: false,
        data: { hello: "world" },
        why: transport === "ws" ? "fine" : "unavailable",
      });
    });

    it("sends, requests and receives", async () => {
      const client = open(options);
      await client.ready();
      client.send("test/said", { a: 1 });
      client.send("test/bare");
      await expect(client.request("test/echo", [1, "ü"])).resolves.toEqual({ echo: [1, "ü"] });
      expect(server.received.slice(0, 2)).toEqual([
        ["test/said", { a: 1 }],
        ["test/bare", undefined],
      ]);
      const pushed = next(client, "srv/n");
      server.push(["srv/n", 5]);
      await expect(pushed).resolves.toBe(5);
    });

    it("W13: 100 overlapping requests each get their own reply, a failure its code and data", async () => {
      const client = open(options);
      await client.ready();
      const replies = Array.from({ length: 100 }, (_, n) => client.request("test/echo", n));
      expect(await Promise.all(replies)).toEqual(Array.from({ length: 100 }, (_, n) => ({ echo: n })));
      const failure = await client.request("test/fail", null).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(RequestError);
      expect(failure).toMatchObject({ code: "denied", message: "no", data: 7 });
    });

    it("W12: comes back to its session after the server's connections were cut, and gets what was pushed between", async () => {
      const client = open(options);
      await client.ready();
      const again = until(client, ({ status }) => status === "waiting");
      const port = server.port;
      const { sessions } = server;
      await server.stop();
      await again;
      server = await ScriptedServer.start(port);
      for (const [id, session] of sessions)
        server.sessions.set(id, { ...session, socket: undefined, poll: undefined });
      server.push(["srv/kept", 1]);
      const kept = next(client, "srv/kept");
      const state = await until(client, ({ status }) => status === "open");
      expect(state).toMatchObject({ resumed: true });
      await expect(kept).resolves.toBe(1);
    });

    it("refuses what the server would refuse", async () => {
      const client = open(options);
      await client.ready();
      expect(() => client.send("test/said", "x".repeat(2000))).toThrow(
        expect.objectContaining({ code: "too-large" }),
      );
      expect(() => client.send("chsk/close", 1)).toThrow(expect.objectContaining({ code: "bad-event" }));
      expect(() => client.send("said", 1)).toThrow(expect.objectContaining({ code: "bad-event" }));
      const circle: unknown[] = [];
      circle.push(circle);
      await expect(client.request("test/echo", circle)).rejects.toMatchObject({ code: "bad-event" });
    });

    it("carries the CSRF token where no log sees it", async () => {
      const client = open({ ...options, csrfToken: async () => "tok" });
      await client.ready();
      expect(server.requests.every(({ url }) => !url?.includes("tok"))).toBe(true);
      if (transport === "poll") expect(server.requests.at(-1)?.headers["x-csrf-token"]).toBe("tok");
    });
  });
}

it("W8: an event without a connection is refused by name, at the call", () => {
  const client = open({ whileDown: "refuse" });
  expect(() => client.send("a/b", 1)).toThrow(SendError);
  expect(() => client.send("a/b", 1)).toThrow(expect.objectContaining({ code: "disconnected" }));
});

it("W8: a request without a connection fails at once", async () => {
  await expect(open({ whileDown: "refuse" }).request("a/b", 1)).rejects.toMatchObject({
    name: "SendError",
    code: "disconnected",
  });
});

it("falls back to polling when the upgrade is refused, and says why", async () => {
  server.behaviour.upgrades = "refuse";
  const client = open();
  await client.ready();
  expect(client.state).toMatchObject({ transport: "poll", why: "refused" });
});

it("falls back to polling when the upgrade is accepted and nothing comes", async () => {
  server.behaviour.upgrades = "mute";
  const client = open({ handshakeTimeoutMs: 50 });
  await client.ready();
  expect(client.state).toMatchObject({ transport: "poll", why: "mute" });
});

it("stops with the reason when one poll says that the client is refused", async () => {
  server.behaviour.upgrades = "refuse";
  server.behaviour.httpStatus = 401;
  const client = open();
  await expect(client.ready()).rejects.toBeInstanceOf(ConnectError);
  expect(client.state).toEqual({ status: "closed", reason: "refused", httpStatus: 401, message: "told so" });
});

it("honours Retry-After", async () => {
  server.behaviour.upgrades = "refuse";
  Object.assign(server.behaviour, { httpStatus: 503, httpHeaders: { "Retry-After": "7" } });
  const state = await until(open(), ({ status }) => status === "waiting");
  expect(state).toMatchObject({ reason: "busy", retryInMs: 7100 });
});

it("W16: after close() nothing connects, and reconnect() says so", async () => {
  const client = open();
  await client.ready();
  client.close(4001, "enough");
  expect(client.state).toEqual({ status: "closed", reason: "closed", code: 4001, message: "enough" });
  expect(() => client.reconnect()).toThrow(SendError);
  expect(server.upgrades).toBe(1);
});

it("stops when the server says so by code", async () => {
  const client = open();
  await client.ready();
  server.closeSockets(4500, "signed out");
  expect(await until(client, ({ status }) => status === "closed")).toEqual({
    status: "closed",
    reason: "server",
    code: 4500,
    message: "signed out",
  });
});

for (const garbage of ["text garbage", "5", "[[[", '{"a":1}', new Uint8Array([1, 2, 3])]) {
  it(`W19: a bad frame (${String(garbage)}) ends the connection with a reason, and the client comes back`, async () => {
    const client = open();
    await client.ready();
    const waiting = until(client, ({ status }) => status === "waiting");
    server.sendRaw(garbage);
    expect(await waiting).toMatchObject({ reason: "bad-frame" });
    await client.ready();
  });
}

it("climbs back to a WebSocket when the network changes, with every event once and in order", async () => {
  server.behaviour.upgrades = "refuse";
  const { client, online } = connectWithOnline(server.url, { WebSocket });
  clients.push(client);
  await client.ready();
  server.behaviour.upgrades = "serve";
  const seen: unknown[] = [];
  client.on("srv/n", (n) => seen.push(n));
  const moved = until(client, (now) => now.status === "open" && now.transport === "ws");
  online();
  let pushed = 0;
  const replies: Promise<unknown>[] = [];
  while (client.state.status === "open" && client.state.transport === "poll") {
    server.push(["srv/n", pushed++]);
    replies.push(client.request("test/echo", pushed));
    await new Promise((later) => setTimeout(later, 5));
  }
  expect(await moved).toMatchObject({ resumed: true });
  expect(await Promise.all(replies)).toHaveLength(pushed);
  expect(seen).toEqual(Array.from({ length: pushed }, (_, n) => n));
});
