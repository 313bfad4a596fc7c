/** The timelines of `vectors/timelines.json`, which the Rust client runs too: vectors/README.md. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { connectIn } from "../src/connect.js";
import type { Client, Delivery, RequestError, State } from "../src/index.js";
import { type FakeRequest, FakeSocket, World } from "./world.js";

type Any = Record<string, unknown>;
type Input = [string, ...unknown[]];

interface Step {
  at: number;
  in?: Input;
  wire?: unknown[];
  states?: unknown[];
  told?: unknown[];
}

interface Timeline {
  name: string;
  random?: number;
  transports?: "ws" | "poll";
  steps: Step[];
}

const timelines: Timeline[] = JSON.parse(
  readFileSync(new URL("../../vectors/timelines.json", import.meta.url), "utf8"),
);

/** A packet without what is random in it. */
function known(packet: unknown): unknown {
  const payload = (packet as [unknown])[0];
  const about = Array.isArray(payload) ? payload[1] : undefined;
  if (about === null || typeof about !== "object" || !("outbox" in about)) return packet;
  const { outbox: _, attempt: __, ...rest } = about as Any;
  return [[(payload as unknown[])[0], rest], null];
}

function asked({ method, url, body }: FakeRequest): unknown {
  if (method === "POST") {
    const packets = (body as string).split("\n").map((line) => known(JSON.parse(line)));
    return ["post", packets];
  }
  if (url.searchParams.has("handshake?")) return ["get", "handshake"];
  return ["get", Number(url.searchParams.get("ack") ?? 0)];
}

function named(state: State): unknown[] {
  switch (state.status) {
    case "connecting":
      return ["connecting", state.transport, state.attempt];
    case "open":
      return ["open", state.transport, state.resumed ? "resumed" : "new", state.why];
    case "waiting":
      return ["waiting", state.reason, state.attempt, state.retryInMs];
    case "closed":
      return ["closed", state.reason];
  }
}

/** A client, its clock, and the network's end of what it asked for. */
class Stage {
  readonly world = new World();
  readonly client: Client<Any, Any>;
  readonly deliveries: Delivery[] = [];
  wire: unknown[] = [];
  states: unknown[] = [];
  told: unknown[] = [];
  readonly begun: number;
  #state: unknown;

  constructor({ random = 0.5, transports }: Timeline) {
    const { world } = this;
    world.randomness = random;
    this.#watchSockets();
    this.#watchRequests();
    const options = transports ? { transports: [transports] } : {};
    this.client = connectIn<Any, Any>(world, "/chsk", { clientId: "c", ...options });
    this.#note(this.client.state);
    this.client.onState((state) => this.#note(state));
    this.client.onAny((id, data) => this.told.push(["event", id, data]));
    this.client.onGap(({ from, to, why }) => this.told.push(["gap", from, to ?? null, why]));
    this.begun = world.now();
  }

  #note(state: State): void {
    const name = named(state);
    if (JSON.stringify(name) !== JSON.stringify(this.#state)) this.states.push(name);
    this.#state = name;
  }

  #watchSockets(): void {
    const { wire, world } = { wire: (what: unknown) => this.wire.push(what), world: this.world };
    world.WebSocket = class extends FakeSocket {
      constructor(url: string) {
        super(url);
        world.sockets.push(this);
        wire(["connect"]);
      }
      override send(data: string | Uint8Array): void {
        super.send(data);
        wire(["send", known(this.sent.at(-1))]);
      }
      #isOver = false;
      override close(code?: number, reason?: string): void {
        super.close(code, reason);
        // Browsers make nothing of it after the end.
        if (!this.#isOver) wire(["close", code ?? 1000]);
        this.#isOver = true;
      }
      override ends(code?: number, reason?: string): void {
        this.#isOver = true;
        super.ends(code, reason);
      }
    };
  }

  #watchRequests(): void {
    const { fetch, requests } = this.world;
    this.world.fetch = (url, init) => {
      const answer = fetch(url, init);
      this.wire.push(asked(requests.at(-1) as FakeRequest));
      return answer;
    };
  }

  async step({ at, in: input }: Step): Promise<Step> {
    await this.world.advance(this.begun + at - this.world.now());
    if (input) this.#happens(input);
    await this.world.settle();
    const { wire, states, told } = this;
    [this.wire, this.states, this.told] = [[], [], []];
    const lists = Object.entries({ wire, states, told }).filter(([, list]) => list.length > 0);
    return { at, ...(input && { in: input }), ...Object.fromEntries(lists) };
  }

  #happens([what, ...rest]: Input): void {
    const { world, client } = this;
    const [first, second, third] = rest as [string, never, number | undefined];
    switch (what) {
      case "says":
        return world.socket.says(...rest);
      case "ends":
        return world.socket.ends(rest[0] as number);
      case "answers":
        return world.open(first.toUpperCase()).answer(...rest.slice(1));
      case "status":
        return world.open(first.toUpperCase()).status(second, third ? { "Retry-After": `${third}` } : {});
      case "fails":
        return world.open(first.toUpperCase()).fail();
      case "page":
        return this.#page(first);
      case "send":
      case "request":
        return this.#sends(what, first, second, third);
      case "cancel":
        return void this.deliveries[Number(first) - 1]?.cancel();
      case "reconnect":
        return client.reconnect();
      case "close":
        return client.close();
      default:
        throw new Error(`unknown input ${what}`);
    }
  }

  #page(what: string): void {
    const { world } = this;
    if (what === "hidden" || what === "visible") world.isHidden = what === "hidden";
    else world.isOffline = what === "offline";
    if (what !== "hidden") world.happens(what as "online" | "offline" | "visible");
  }

  #sends(what: "send" | "request", id: string, data: unknown, timeoutMs: number | undefined): void {
    const { client, deliveries } = this;
    const options = timeoutMs === undefined ? {} : { timeoutMs };
    if (what === "send") deliveries.push(client.send(id, data, options));
    else {
      const before = new Set(client.outbox);
      client.request(id, data, options).catch(() => {});
      deliveries.push(client.outbox.find((one) => !before.has(one)) as Delivery);
    }
    const number = deliveries.length;
    void deliveries[number - 1]?.settled.then(({ state, reply, error }) => {
      if (state === "failed") this.told.push(["failed", number, (error as RequestError).code]);
      else this.told.push(reply == null ? ["handled", number] : ["reply", number, reply]);
    });
  }
}

describe("timelines", () => {
  it.each(timelines.map((line) => [line.name, line] as const))("%s", async (_, line) => {
    const stage = new Stage(line);
    for (const step of line.steps) expect(await stage.step(step)).toEqual(step);
    stage.client.close();
  });
});
