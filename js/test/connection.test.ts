/** The client's state machine on a clock of its own: docs/wire.md, "A client's timing" and "Taking over". */
import { beforeEach, describe, expect, it } from "vitest";
import { connectIn } from "../src/connect.js";
import type { Client, Options, State } from "../src/index.js";
import { handshake, hello, World, welcome } from "./world.js";

type Any = Record<string, unknown>;

let world: World;
let client: Client<Any, Any>;
let states: string[];
let events: unknown[];
let held: number;

beforeEach(() => {
  world = new World();
  held = 0;
});

function start(options: Options = {}): void {
  client = connectIn<Any, Any>(world, "/chsk", { clientId: "c", ...options });
  states = [];
  events = [];
  client.onState((now) =>
    states.push(now.status === "waiting" ? `waiting ${now.reason}` : `${now.status} ${transport(now)}`),
  );
  client.onAny((id, data) => events.push([id, data]));
}

const transport = (state: State): string => ("transport" in state ? state.transport : "");

async function startOpen(options: Options = {}): Promise<void> {
  start(options);
  await world.settle();
  await world.socket.opens(world);
  await world.settle();
}

/** Polling because the upgrade was refused. */
async function startPolling(): Promise<void> {
  start();
  world.socket.ends();
  await beginPolling();
}

async function beginPolling(outcome: "new" | "resumed" = "new"): Promise<void> {
  await world.settle();
  world.open("GET", "handshake").answer(handshake());
  await world.settle();
  world.open("POST").answer(welcome(outcome));
  await world.settle();
}

describe("beginning", () => {
  it("asks for the extension and the codec, and says hello only after the handshake", async () => {
    start({ csrfToken: () => "tok", params: { room: "a b" } });
    await world.settle();
    expect(world.socket.url).toBe("wss://chat.example/chsk?room=a+b&client-id=c&tsugi=1&codec=json");
    expect(world.socket.sent).toEqual([]);
    world.socket.says(handshake());
    expect(world.socket.sent).toEqual([hello({ received: 0, csrf: "tok" })]);
    expect(client.state.status).toBe("connecting");
    world.socket.says(welcome());
    expect(client.state).toMatchObject({ status: "open", transport: "ws", user: "ann", resumed: false });
  });

  it("gives a mute WebSocket up after 3 s and polls", async () => {
    start();
    await world.advance(2999);
    expect(world.requests).toEqual([]);
    await world.advance(1);
    expect(world.socket.closed).toBeDefined();
    await beginPolling();
    expect(client.state).toMatchObject({ status: "open", transport: "poll", why: "mute" });
  });

  it("gives a WebSocket up that says the handshake and nothing more", async () => {
    start();
    await world.advance(1000);
    world.socket.says(handshake());
    await world.advance(3000);
    expect(client.state).toMatchObject({ status: "waiting", reason: "timeout" });
  });

  it.each([401, 402, 403])(
    "stops with the reason when the poll after a failed upgrade gets %i",
    async (status) => {
      start();
      world.socket.ends();
      await world.settle();
      world.open("GET").status(status);
      await world.advance(600_000);
      expect(client.state).toMatchObject({ status: "closed", reason: "refused", httpStatus: status });
      expect(world.sockets.length + world.requests.length).toBe(2);
      expect(world.alarms).toBe(0);
    },
  );

  it("speaks plain Sente after a handshake of three elements: no hello, hex slots", async () => {
    start();
    world.socket.says([["chsk/handshake", ["ann", null, null]], null]);
    expect(client.state).toMatchObject({ status: "open", resumed: false });
    const reply = client.request("a/b", 1);
    expect(world.socket.sent).toEqual([[["a/b", 1], "000001"]]);
    world.socket.says(["fine", "000001"]);
    await expect(reply).resolves.toBe("fine");
  });

  it("W16: two calls of connect are two connections, but reconnect() never makes two of one", async () => {
    await startOpen();
    client.reconnect();
    client.reconnect();
    client.reconnect();
    expect(world.sockets.filter(({ closed }) => !closed)).toHaveLength(1);
  });
});

describe("W15: coming back", () => {
  it("never at once: full jitter, doubling to a cap of 20 s", async () => {
    start({ transports: ["ws"] });
    const waits: number[] = [];
    for (let n = 0; n < 9; n += 1) {
      world.socket.ends();
      if (client.state.status !== "waiting") throw new Error(client.state.status);
      waits.push(client.state.retryInMs);
      await world.advance(client.state.retryInMs);
    }
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
  });

  it("waits 100 ms even when the dice say none", async () => {
    world.randomness = 0;
    start({ transports: ["ws"] });
    world.socket.ends();
    expect(client.state).toMatchObject({ retryInMs: 100 });
  });

  it("an accept-then-close server is not hammered", async () => {
    start({ transports: ["ws"] });
    for (let ms = 0; ms < 10_000; ms += 50) {
      if (client.state.status === "connecting") {
        await world.socket.opens(world, "resumed");
        world.socket.ends(1011);
      }
      await world.advance(50);
    }
    expect(world.sockets.length).toBeLessThan(8);
  });

  it("counts from the start again after 5 s open", async () => {
    await startOpen({ transports: ["ws"] });
    for (let n = 0; n < 4; n += 1) {
      world.socket.ends();
      await world.advance(20_000);
    }
    await world.socket.opens(world, "resumed");
    await world.advance(5000);
    world.socket.ends();
    expect(client.state).toMatchObject({ retryInMs: 250, attempt: 1 });
  });

  it("a hidden or offline page slows to the cap, and comes back within 250 ms when that ends", async () => {
    await startOpen();
    world.isOffline = true;
    world.socket.ends();
    expect(client.state).toMatchObject({ retryInMs: 20_000, offline: true });
    await world.advance(20_000);
    expect(world.sockets).toHaveLength(2);
    world.socket.ends();
    await world.settle();
    world.open("GET").fail();
    await world.settle();
    expect(client.state).toMatchObject({ retryInMs: 20_000 });
    world.isOffline = false;
    world.happens("online");
    expect(client.state).toMatchObject({ retryInMs: 125, offline: false });
    await world.advance(125);
    expect(world.sockets).toHaveLength(3);
  });

  it("after a 503 waits as long as it says, whatever the page does", async () => {
    start();
    world.socket.ends();
    await world.settle();
    world.open("GET").status(503, { "Retry-After": "30" });
    await world.settle();
    world.happens("visible");
    await world.advance(30_249);
    expect(world.sockets).toHaveLength(1);
    await world.advance(1);
    expect(world.sockets).toHaveLength(2);
  });

  it("comes back at the moment that a server which goes has told it, whatever the page does", async () => {
    await startOpen();
    world.socket.says([["chsk/retry", 7000], null]);
    world.isHidden = true;
    world.socket.ends(1001, "server shutting down");
    expect(client.state).toMatchObject({ status: "waiting", reason: "busy", code: 1001, retryInMs: 7000 });
    world.happens("visible");
    await world.advance(6999);
    expect(world.sockets).toHaveLength(1);
    await world.advance(1);
    expect(world.sockets).toHaveLength(2);
    // From then on it goes on as after any loss.
    world.isHidden = false;
    world.socket.ends();
    await world.settle();
    world.open("GET").fail();
    await world.settle();
    expect(client.state).toMatchObject({ status: "waiting", reason: "network", retryInMs: 250 });
  });

  it("is told so by a poll's last answer too", async () => {
    await startPolling();
    world.open("GET", "ack").answer([["chsk/retry", 7000], null], [["chsk/close", { code: 1001 }], null]);
    await world.settle();
    expect(client.state).toMatchObject({ status: "waiting", reason: "busy", retryInMs: 7000 });
  });

  it("does not come back to a server that told it when, and then to stay away", async () => {
    await startOpen();
    world.socket.says([["chsk/retry", 7000], null]);
    world.socket.ends(4500, "signed out");
    expect(client.state).toMatchObject({ status: "closed", code: 4500 });
  });

  it.each([1000, 1001, 1006, 1011, 1012, 1013, 3001, 4000])("reconnects after %i", async (code) => {
    await startOpen();
    world.socket.ends(code);
    expect(client.state).toMatchObject({ status: "waiting", code });
  });

  it.each([3500, 3999, 4500, 4999])("stops after %i", async (code) => {
    await startOpen();
    world.socket.ends(code, "why");
    expect(client.state).toMatchObject({ status: "closed", code, message: "why" });
  });

  it.each([1002, 1003, 1007, 1008, 1009])("stops after three times %i in a row", async (code) => {
    start({ transports: ["ws"] });
    for (let n = 0; n < 3; n += 1) {
      await world.socket.opens(world);
      world.socket.ends(code);
      await world.advance(10_000);
    }
    expect(client.state).toMatchObject({ status: "closed", code });
  });

  it("W12: resumes its session by name, and requests that wait are still answered", async () => {
    await startOpen();
    const reply = client.request("a/b", 1, { timeoutMs: 60_000 });
    world.socket.ends();
    await world.advance(250);
    world.socket.says(handshake());
    expect(world.socket.sent).toEqual([hello({ session: "s", received: 0, sent: 1 })]);
    world.socket.says(welcome("resumed", 1, undefined, 1), ["late", 1]);
    expect(world.socket.sent).toHaveLength(1);
    await expect(reply).resolves.toBe("late");
    expect(client.state).toMatchObject({ resumed: true });
  });

  it("W13: a new session fails the requests that wait, where the server is plain Sente", async () => {
    start();
    const sente = [["chsk/handshake", ["ann", null, null]], null];
    world.socket.says(sente);
    const reply = client.request("a/b", 1, { timeoutMs: 60_000 });
    world.socket.ends();
    await expect(reply).rejects.toMatchObject({ code: "disconnected" });
    client.send("a/c", 2);
    await world.advance(250);
    world.socket.says(sente);
    expect(world.socket.sent).toEqual([[["a/c", 2], null]]);
  });

  it("W14: says what happens, in order", async () => {
    await startOpen();
    world.socket.ends(1012);
    await world.advance(250);
    await world.socket.opens(world, "resumed");
    client.close();
    expect(states).toEqual(["open ws", "waiting server", "connecting ws", "open ws", "closed "]);
  });

  it("W16: after close() nothing is left that could connect", async () => {
    await startOpen();
    world.socket.ends();
    client.close();
    world.happens("online");
    await world.advance(600_000);
    expect(world.sockets).toHaveLength(1);
    expect(world.alarms).toBe(0);
  });
});

describe("closed by a handler", () => {
  const nothingIsLeft = async () => {
    await world.advance(600_000);
    expect(client.state).toMatchObject({ status: "closed", reason: "closed" });
    expect(world.alarms).toBe(0);
  };

  it("that is told of a new attempt, opens nothing", async () => {
    await startOpen();
    client.onState(({ status }) => status === "connecting" && client.close());
    world.socket.ends();
    await nothingIsLeft();
    expect(world.sockets).toHaveLength(1);
  });

  it("that is told of polling, asks nothing", async () => {
    start();
    client.onState(({ status }) => status === "connecting" && client.close());
    world.socket.ends();
    await nothingIsLeft();
    expect(world.requests).toHaveLength(0);
  });

  it("that is told of a gap, does not open after all", async () => {
    await startOpen();
    client.onGap(() => client.close());
    world.socket.ends();
    await world.advance(1000);
    world.socket.says(handshake(), welcome("new", 1, "expired"));
    expect(states.at(-1)).toBe("closed ");
    await nothingIsLeft();
  });

  it("while polls are answered at once with nothing, leaves no timer", async () => {
    await startPolling();
    world.open("GET").answer([[], null]);
    await world.settle();
    client.close();
    await world.settle();
    expect(world.alarms).toBe(0);
  });
});

describe("requests", () => {
  it("W13: time out by the clock, whatever happens to the connection", async () => {
    await startOpen();
    const reply = client.request("a/b", 1).catch((error: unknown) => error);
    world.socket.ends();
    await world.advance(10_000);
    expect(await reply).toMatchObject({ code: "timeout" });
  });

  it("are given up by their signal, and fail when the connection is closed", async () => {
    await startOpen();
    const abort = new AbortController();
    const given = client.request("a/b", 1, { signal: abort.signal }).catch((error: unknown) => error);
    const other = client.request("a/b", 2).catch((error: unknown) => error);
    abort.abort();
    expect(await given).toMatchObject({ code: "aborted" });
    client.close();
    expect(await other).toMatchObject({ code: "closed" });
  });

  it("look at the slot first: a reply may look like anything", async () => {
    await startOpen();
    const reply = client.request("a/b", 1);
    world.socket.says(["chsk/ws-ping", 1]);
    await expect(reply).resolves.toBe("chsk/ws-ping");
  });

  it("are bounded in number", async () => {
    await startOpen({ maxQueue: 2 });
    void client.request("a/b", 1).catch(() => {});
    void client.request("a/b", 1).catch(() => {});
    await expect(client.request("a/b", 1)).rejects.toMatchObject({ code: "queue-full" });
    client.close();
  });
});

describe("events", () => {
  it("W18: come to their handlers, the unknown to none but onAny, and a handler that throws harms nobody", async () => {
    await startOpen();
    const seen: unknown[] = [];
    client.on("a/b", () => {
      throw new Error("mine");
    });
    const off = client.on("a/b", (data) => seen.push(data));
    world.socket.says([[["a/b", 1], ["no/body", 2], 5, ["a/b", 3]], null]);
    off();
    world.socket.says([[["a/b", 4]], null]);
    expect(seen).toEqual([1, 3]);
    expect(events).toEqual([
      ["a/b", 1],
      ["no/body", 2],
      ["a/b", 3],
      ["a/b", 4],
    ]);
    expect(world.reported).toHaveLength(4);
    expect(client.state.status).toBe("open");
  });
});

describe("keep-alive", () => {
  it("pings after 25 s of silence, and lives when anything comes back", async () => {
    await startOpen();
    await world.advance(24_999);
    expect(world.socket.sent).toHaveLength(1);
    await world.advance(1);
    expect(world.socket.sent.at(-1)).toEqual([["chsk/ws-ping"], 0]);
    await world.advance(4000);
    world.socket.says(["pong", 0]);
    await world.advance(20_000);
    expect(client.state.status).toBe("open");
  });

  it("W17: gives a silent connection up after 5 s more, with 3001", async () => {
    await startOpen();
    await world.advance(30_000);
    expect(world.socket.closed).toMatchObject({ code: 3001 });
    expect(states.slice(0, 2)).toEqual(["open ws", "waiting timeout"]);
  });

  it("asks at once when the network changes", async () => {
    await startOpen();
    world.happens("online");
    expect(world.socket.sent.at(-1)).toEqual([["chsk/ws-ping"], 0]);
  });

  it("asked again before it is answered, a dead connection gets no more time", async () => {
    await startOpen();
    world.happens("online");
    await world.advance(3000);
    world.happens("visible");
    await world.advance(2000);
    expect(world.socket.closed).toMatchObject({ code: 3001 });
  });

  it("asked again after an answer, asks again", async () => {
    await startOpen();
    world.happens("online");
    world.socket.says(["pong", 0]);
    await world.advance(3000);
    world.happens("visible");
    expect(world.socket.sent.slice(1)).toEqual([
      [["chsk/ws-ping"], 0],
      [["chsk/ws-ping"], 0],
    ]);
    await world.advance(5000);
    expect(world.socket.closed).toMatchObject({ code: 3001 });
  });

  it("answers the server's ping", async () => {
    await startOpen();
    world.socket.says(["chsk/ws-ping", null]);
    expect(world.socket.sent.at(-1)).toEqual([["chsk/ws-pong"], null]);
  });
});

describe("polling", () => {
  it("sends several packets in one POST, one POST at a time, with the session in a header only", async () => {
    await startPolling();
    client.send("a/b", 1);
    client.send("a/b", 2);
    client.send("a/b", 3);
    await world.settle();
    const first = world.open("POST");
    expect(first.body).toBe('[["a/b",1],-1]');
    expect(first.headers).toMatchObject({ "Tsugi-Session": "s", "Content-Type": "application/json" });
    expect(first.url.search).not.toContain("session");
    first.answer(["chsk/dummy-cb-200", null]);
    await world.settle();
    expect(world.open("POST").body).toBe('[["a/b",2],-2]\n[["a/b",3],-3]');
  });

  it("takes several packets from one poll, and polls again at once", async () => {
    await startPolling();
    const reply = client.request("a/b", 1);
    await world.settle();
    world.open("GET").answer([[["s/x", 1]], null], ["yes", 1], [[["s/x", 2]], null]);
    await expect(reply).resolves.toBe("yes");
    await world.settle();
    expect(events).toEqual([
      ["s/x", 1],
      ["s/x", 2],
    ]);
    expect(world.open("GET").headers["Tsugi-Session"]).toBe("s");
  });

  it("does not hammer a server that answers polls at once with nothing", async () => {
    await startPolling();
    const before = world.requests.length;
    for (let ms = 0; ms < 5000; ms += 100) {
      try {
        world.open("GET").answer([[], null]);
      } catch {
        // None is open: the client pauses.
      }
      await world.advance(100);
    }
    expect(world.requests.length - before).toBeLessThan(12);
  });

  it("after a 409 shakes hands again and sends again what was not handled", async () => {
    await startPolling();
    client.send("a/b", 1);
    const reply = client.request("a/c", 2, { timeoutMs: 60_000 });
    await world.settle();
    world.open("POST").status(409);
    await world.settle();
    expect(client.state).toMatchObject({ status: "waiting", reason: "session-gone" });
    await world.advance(250);
    await beginPolling();
    const post = world.open("POST");
    expect(post.body).toBe('[["a/b",1],-1]\n[["a/c",2],2]');
    post.answer(["chsk/dummy-cb-200", null]);
    await world.settle();
    world.open("GET").answer(["done", 2]);
    await expect(reply).resolves.toBe("done");
  });

  it("ends when the server says so", async () => {
    await startPolling();
    world.open("GET").answer([["chsk/close", { code: 4500, reason: "signed out" }], null]);
    await world.settle();
    expect(client.state).toMatchObject({ status: "closed", code: 4500, message: "signed out" });
  });

  it("lost, comes back by polling while WebSockets are known to fail", async () => {
    await startPolling();
    world.open("GET").fail();
    await world.advance(250);
    expect(world.sockets).toHaveLength(1);
    await beginPolling("resumed");
    expect(client.state).toMatchObject({ transport: "poll", resumed: true });
  });
});

describe("counts", () => {
  const x = (...numbers: number[]) => [numbers.map((n) => ["s/x", n]), null];
  const told = () => events.map((event) => (event as unknown[])[1]);

  it("tells what arrived, and does not hand on what comes again", async () => {
    await startOpen();
    world.socket.says(x(1, 2), ["pong", 99]);
    world.socket.ends();
    await world.advance(1000);
    world.socket.says(handshake());
    expect(world.socket.sent).toEqual([hello({ session: "s", received: 3 })]);
    world.socket.says(welcome("resumed", 2), x(2), ["pong", 99], x(3));
    expect(told()).toEqual([1, 2, 3]);
  });

  it("acknowledges after 64 items, and 5 s after the first", async () => {
    await startOpen();
    const socket = world.socket;
    const acks = () => socket.sent.filter((sent) => JSON.stringify(sent).includes("chsk/ack"));
    world.socket.says(x(...Array.from({ length: 63 }, (_, n) => n)));
    expect(acks()).toEqual([]);
    world.socket.says(x(63));
    expect(acks()).toEqual([[["chsk/ack", 64], null]]);
    world.socket.says(x(64));
    await world.advance(4999);
    expect(acks()).toHaveLength(1);
    await world.advance(1);
    expect(acks()[1]).toEqual([["chsk/ack", 65], null]);
  });

  it("says with every poll what arrived, and takes an answer's word for where it begins", async () => {
    await startPolling();
    const ack = () => new URL(world.open("GET").url).searchParams.get("ack");
    expect(ack()).toBe("0");
    world.open("GET").answer([["chsk/from", 1], null], x(1, 2));
    await world.settle();
    expect(ack()).toBe("2");
    world.open("GET").answer([["chsk/from", 2], null], x(2, 3));
    await world.settle();
    expect(ack()).toBe("3");
    expect(told()).toEqual([1, 2, 3]);
  });

  it("tells of a gap: which items, and why", async () => {
    await startOpen();
    const gaps: unknown[] = [];
    client.onGap((gap) => gaps.push(gap));
    world.socket.says(x(1));
    world.socket.ends();
    await world.advance(1000);
    world.socket.says(handshake(), welcome("resumed", 10), x(10));
    expect(gaps).toEqual([{ from: 2, to: 9, why: "overflow" }]);
    world.socket.ends();
    await world.advance(1000);
    world.socket.says(handshake(), welcome("new", 1, "restarted"), x(11));
    expect(gaps.slice(1)).toEqual([{ from: 11, why: "restarted" }]);
    expect(told()).toEqual([1, 10, 11]);
  });
});

describe("climbing back", () => {
  it("tries a WebSocket after 30 s ± 25 %, doubling to 5 min while it fails", async () => {
    await startPolling();
    const tries: number[] = [];
    let since = world.now();
    for (let n = 0; n < 6; n += 1) {
      while (world.sockets.length < n + 2) await hold(1000);
      tries.push(world.now() - since);
      world.socket.ends();
      since = world.now();
    }
    expect(tries).toEqual([30_000, 60_000, 120_000, 240_000, 300_000, 300_000]);
    expect(states).toEqual(["connecting poll", "open poll"]);
  });

  it("waits for the POST, says hello, and waits for no poll: what it would bring comes again", async () => {
    await startPolling();
    await hold(29_000);
    await world.advance(1000);
    client.send("a/b", 1);
    await world.settle();
    const post = world.open("POST");
    world.socket.says(handshake());
    await world.advance(1000);
    expect(world.socket.sent).toEqual([]);
    client.send("a/b", 2);
    const last = world.open("GET");
    post.answer(["chsk/dummy-cb-200", null]);
    await world.settle();
    expect(world.socket.sent).toEqual([hello({ session: "s", received: 0, sent: 1 })]);
    last.answer([["chsk/from", 1], null], [[["s/x", 1]], null]);
    await world.settle();
    expect(events).toEqual([]);
    client.send("a/b", 3);
    world.socket.says(welcome("resumed", 1, undefined, 1), [[["s/x", 1]], null], [[["s/x", 2]], null]);
    expect(events).toEqual([
      ["s/x", 1],
      ["s/x", 2],
    ]);
    expect(world.socket.sent.slice(1)).toEqual([
      [["a/b", 2], -2],
      [["a/b", 3], -3],
    ]);
    expect(client.state).toMatchObject({ transport: "ws", resumed: true, why: "fine" });
    expect(() => world.open("GET")).toThrow();
    expect(() => world.open("POST")).toThrow();
  });

  it("that fails after hello goes on polling, and loses nothing that waits", async () => {
    await startPolling();
    await hold(30_000);
    world.socket.says(handshake());
    await world.advance(1000);
    client.send("a/b", 1);
    world.socket.ends();
    await world.settle();
    expect(client.state).toMatchObject({ transport: "poll" });
    expect(world.open("POST").body).toBe('[["a/b",1],-1]');
    world.open("GET").answer([["chsk/from", 1], null], [[["s/x", 1]], null]);
    await world.settle();
    expect(events).toEqual([["s/x", 1]]);
    expect(world.open("GET")).toBeDefined();
  });

  it("happens at once when the network comes back", async () => {
    await startPolling();
    world.happens("online");
    expect(world.sockets).toHaveLength(2);
  });

  it("is not tried with plain Sente, to which two carriers are two clients", async () => {
    start();
    world.socket.ends();
    await world.settle();
    world.open("GET", "handshake").answer([["chsk/handshake", [null, null, null]], null]);
    await world.settle();
    await hold(400_000);
    expect(world.sockets).toHaveLength(1);
  });
});

/** Time passes, and the server answers held polls as it should. */
async function hold(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1000) {
    await world.advance(1000);
    held += 1000;
    if (held % 15_000 === 0) {
      world.open("GET").answer([[], null]);
      await world.settle();
    }
  }
}
