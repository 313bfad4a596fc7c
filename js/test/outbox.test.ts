/** Nothing lost, nothing twice, upstream: docs/wire.md, "The outbox". */
import { beforeEach, describe, expect, it } from "vitest";
import { connectIn } from "../src/connect.js";
import type { Client, Options } from "../src/types.js";
import { handshake, World } from "./world.js";

let world: World;
let client: Client<Record<string, unknown>, Record<string, unknown>>;

beforeEach(() => {
  world = new World();
});

const start = (options: Options = {}) => {
  client = connectIn(world, "/chsk", options);
};

const welcome = (outcome: "new" | "resumed", taken = 0, handled = 0) => [
  ["chsk/welcome", { session: "s", outcome, next: 1, taken, handled }],
  null,
];

/** The newest socket opens, to a server that has taken and handled so much. */
const opens = (outcome: "new" | "resumed", taken = 0, handled = 0, user = "ann") =>
  world.socket.says(handshake(user), welcome(outcome, taken, handled));

const reopens = async (outcome: "new" | "resumed", taken = 0, handled = 0, user = "ann") => {
  world.socket.ends();
  await world.advance(1000);
  opens(outcome, taken, handled, user);
};

/** A poll begins, to a server that has taken so much. */
const begins = async (outcome: "new" | "resumed", taken = 0) => {
  world.open("GET", "handshake").answer(handshake());
  await world.settle();
  world.open("POST").answer(welcome(outcome, taken));
  await world.settle();
};

const startPolling = async () => {
  start({ transports: ["poll"] });
  await world.settle();
  await begins("new");
};

const said = () => world.socket.sent.slice(1);
const hello = () => (world.socket.sent[0] as [[string, { outbox: string; sent: number }]])[0][1];
const handled = (n: number) => world.socket.says([null, -n]);
const states = () => client.outbox.map(({ state }) => state);

describe("the outbox", () => {
  it("W6: what is said before there is a connection is said when there is, in order, before what comes later", async () => {
    start();
    client.send("a/b", 1);
    const reply = client.request("a/c", 2);
    expect(states()).toEqual(["waiting", "waiting"]);
    opens("new");
    client.send("a/b", 3);
    expect(said()).toEqual([
      [["a/b", 1], -1],
      [["a/c", 2], 2],
      [["a/b", 3], -3],
    ]);
    world.socket.says(["yes", 2]);
    await expect(reply).resolves.toBe("yes");
    expect(states()).toEqual(["sent", "sent"]);
  });

  it("W7: after a loss sends again what the server has not taken, and nothing else, under the same numbers", async () => {
    start();
    opens("new");
    for (let n = 1; n <= 4; n += 1) client.send("a/b", n);
    await reopens("resumed", 2, 1);
    expect(said()).toEqual([
      [["a/b", 3], -3],
      [["a/b", 4], -4],
    ]);
    expect(client.outbox.map(({ data }) => data)).toEqual([2, 3, 4]);
    expect(hello().sent).toBe(4);
  });

  it("survives the session: only a server that knows nothing of it gets everything again", async () => {
    start();
    opens("new");
    const reply = client.request("a/c", 1, { timeoutMs: 100_000 });
    client.send("a/b", 2);
    const { outbox } = hello();
    await reopens("new", 2, 0);
    expect(said()).toEqual([]);
    expect(hello()).toMatchObject({ outbox, sent: 2 });
    await reopens("new");
    expect(said()).toEqual([
      [["a/c", 1], 1],
      [["a/b", 2], -2],
    ]);
    world.socket.says(["done", 1]);
    await expect(reply).resolves.toBe("done");
  });

  it("tells of an event that it was handled, in the order of numbers", async () => {
    start();
    opens("new");
    const [first, second] = [client.send("a/b", 1), client.send("a/b", 2)];
    const asked = client.request("a/c", 3, { timeoutMs: 100_000 });
    handled(1);
    expect([first.state, second.state]).toEqual(["handled", "sent"]);
    await expect(first.settled).resolves.toBe(first);
    handled(2);
    expect(second.state).toBe("handled");
    expect(states()).toEqual(["sent"]);
    world.socket.says([["chsk/error", { code: "denied", message: "no" }], 3]);
    await expect(asked).rejects.toMatchObject({ code: "denied" });
    expect(client.outbox).toEqual([]);
  });

  it("lets go of what is not done in its time, and never sends it then", async () => {
    start();
    const late = client.send("a/b", 1, { timeoutMs: 500 });
    const asked = client.request("a/c", 2, { timeoutMs: 600 });
    const kept = client.send("a/b", 3);
    const settled = expect(asked).rejects.toMatchObject({ code: "timeout" });
    await world.advance(1000);
    await settled;
    expect(late).toMatchObject({ state: "failed", error: { code: "timeout" } });
    opens("new");
    expect(said()).toEqual([[["a/b", 3], -3]]);
    await world.advance(400_000);
    expect(kept).toMatchObject({ state: "failed", error: { code: "timeout" } });
  });

  it("takes back what has not been sent, and nothing else", async () => {
    start();
    const unsent = client.send("a/b", 1);
    expect(unsent.cancel()).toBe(true);
    expect(unsent).toMatchObject({ state: "failed", error: { code: "aborted" } });
    expect(unsent.cancel()).toBe(false);
    opens("new");
    const sent = client.send("a/b", 2);
    expect(sent.cancel()).toBe(false);
    expect(said()).toEqual([[["a/b", 2], -2]]);
    const aborter = new AbortController();
    const asked = client.request("a/c", 3, { signal: aborter.signal });
    aborter.abort();
    await expect(asked).rejects.toMatchObject({ code: "aborted" });
  });

  it("W10: what was meant to be said as ann is not said as bob", async () => {
    start();
    opens("new");
    const { outbox } = hello();
    const anns = client.send("a/b", 1);
    world.socket.ends();
    const later = client.send("a/b", 2);
    await world.advance(1000);
    opens("new", 0, 0, "bob");
    expect(said()).toEqual([]);
    for (const delivery of [anns, later])
      expect(delivery).toMatchObject({ state: "failed", error: { code: "other-user" } });
    client.send("a/b", 3);
    expect(said()).toEqual([[["a/b", 3], -1]]);
    expect(hello()).toMatchObject({ sent: 0 });
    expect(hello().outbox).not.toBe(outbox);
  });

  it("W9: is bounded, and says so at the call", async () => {
    start({ maxQueue: 2 });
    client.send("a/b", 1);
    client.send("a/b", 2);
    expect(() => client.send("a/b", 3)).toThrow(expect.objectContaining({ code: "queue-full" }));
    await expect(client.request("a/b", 3)).rejects.toMatchObject({ code: "queue-full" });
    opens("new");
    handled(2);
    client.send("a/b", 4);
    expect(said()).toHaveLength(3);
    handled(3);
    const big = "x".repeat(9 * 1024 * 1024);
    start();
    client.send("a/b", big);
    client.send("a/b", big);
    expect(() => client.send("a/b", 3)).toThrow(expect.objectContaining({ code: "queue-full" }));
  });

  it("fails what the server turns out to accept in no message, and goes on with the rest", async () => {
    start();
    const large = client.send("a/b", "x".repeat(2000));
    client.send("a/b", 2);
    opens("new");
    expect(large).toMatchObject({ state: "failed", error: { code: "too-large" } });
    expect(said()).toEqual([[["a/b", 2], -2]]);
  });

  it("waits while the socket holds more than it can get rid of", async () => {
    start();
    opens("new");
    world.socket.bufferedAmount = 2 * 1024 * 1024;
    client.send("a/b", 1);
    client.send("a/b", 2);
    await world.advance(1000);
    expect(said()).toEqual([]);
    world.socket.bufferedAmount = 0;
    await world.advance(50);
    expect(said()).toHaveLength(2);
  });

  it("settles everything at the end", async () => {
    start();
    const event = client.send("a/b", 1);
    const asked = client.request("a/c", 2);
    client.close();
    await expect(asked).rejects.toMatchObject({ code: "closed" });
    await expect(event.settled).resolves.toMatchObject({ state: "failed", error: { code: "closed" } });
    expect(world.alarms).toBe(0);
    expect(() => client.send("a/b", 3)).toThrow(expect.objectContaining({ code: "disconnected" }));
  });

  it("over HTTP posts again what was in a POST that failed", async () => {
    await startPolling();
    client.send("a/b", 1);
    await world.settle();
    client.send("a/b", 2);
    world.open("POST").fail();
    await world.advance(1000);
    await begins("resumed", 1);
    expect(world.open("POST").body).toBe('[["a/b",2],-2]');
  });
});

it("a session that is gone and a reconnect before the next one fail nothing", async () => {
  await startPolling();
  const delivery = client.send("a/b", 1);
  await world.settle();
  world.open("POST").status(409);
  await world.settle();
  client.reconnect();
  expect(delivery.state).toBe("sent");
});

it("a plain Sente server says nothing of events: they are over once they are sent", () => {
  start();
  const early = client.send("a/b", 1);
  world.socket.says([["chsk/handshake", ["ann", null, null]], null]);
  const later = client.send("a/b", 2);
  expect([early.state, later.state]).toEqual(["sent", "sent"]);
  expect(client.outbox).toEqual([]);
  expect(world.socket.sent).toEqual([
    [["a/b", 1], null],
    [["a/b", 2], null],
  ]);
});

describe("a volatile event", () => {
  it("leaves at once, without a number, and never again", async () => {
    start();
    opens("new");
    const typing = client.send("a/typing", "ann", { volatile: true });
    expect(typing.state).toBe("sent");
    expect(said()).toEqual([[["a/typing", "ann"], null]]);
    expect(client.outbox).toEqual([]);
    await reopens("resumed");
    expect(said()).toEqual([]);
  });

  it("is dropped when it cannot", async () => {
    start();
    const early = client.send("a/typing", "ann", { volatile: true });
    expect(early).toMatchObject({ state: "failed", error: { code: "dropped" } });
    await expect(early.settled).resolves.toBe(early);
    opens("new");
    world.socket.bufferedAmount = 2 * 1024 * 1024;
    expect(client.send("a/typing", "ann", { volatile: true }).state).toBe("failed");
    expect(said()).toEqual([]);
  });

  it("does not wait behind a POST", async () => {
    await startPolling();
    expect(client.send("a/typing", 1, { volatile: true }).state).toBe("sent");
    expect(client.send("a/typing", 2, { volatile: true }).state).toBe("failed");
    await world.settle();
    expect(world.open("POST").body).toBe('[["a/typing",1],null]');
  });
});
