/** A world for the client: a clock that moves when told to, sockets and requests that answer when told to. */
import { expect } from "vitest";
import type { Environment, Timer } from "../src/environment.js";
import type { Fetch, WebSocketConstructor, WebSocketLike } from "../src/types.js";

interface Alarm {
  at: number;
  order: number;
  callback: () => void;
}

export class FakeSocket implements WebSocketLike {
  binaryType: unknown;
  bufferedAmount = 0;
  onopen: unknown;
  onmessage: unknown;
  onclose: unknown;
  onerror: unknown;
  readonly sent: unknown[] = [];
  closed: { code?: number; reason?: string } | undefined;
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  send(data: string | Uint8Array): void {
    this.sent.push(typeof data === "string" ? JSON.parse(data) : data);
  }

  close(code?: number, reason?: string): void {
    this.closed = { code, reason };
  }

  /** The server says something. */
  says(...packets: unknown[]): void {
    for (const packet of packets) this.saysRaw(JSON.stringify(packet));
  }

  saysRaw(data: string | ArrayBuffer): void {
    (this.onmessage as (event: object) => void)({ data });
  }

  /** The socket ends. */
  ends(code = 1006, reason = ""): void {
    (this.onclose as (event: object) => void)({ code, reason });
  }

  /** Both halves of a good beginning. */
  async opens(world: World, outcome: "new" | "resumed" = "new"): Promise<void> {
    this.says(handshake());
    await world.settle();
    this.says(welcome(outcome));
  }
}

export interface FakeRequest {
  method: string;
  url: URL;
  headers: Record<string, string>;
  body: string | undefined;
  aborted: boolean;
  answerRaw(body: BodyInit): void;
  answer(...packets: unknown[]): void;
  status(status: number, headers?: Record<string, string>): void;
  fail(): void;
}

export class World implements Environment {
  readonly sockets: FakeSocket[] = [];
  readonly requests: FakeRequest[] = [];
  readonly reported: unknown[] = [];
  page = "https://chat.example/room";
  isHidden = false;
  isOffline = false;
  randomness = 0.5;
  fetch: Fetch;
  WebSocket: WebSocketConstructor | undefined;
  #now = 1_000_000;
  #order = 0;
  #alarms = new Set<Alarm>();
  #watchers = new Set<(what: "online" | "offline" | "visible") => void>();

  constructor() {
    const { sockets } = this;
    this.WebSocket = class extends FakeSocket {
      constructor(url: string) {
        super(url);
        sockets.push(this);
      }
    };
    this.fetch = (url, init) => this.#request(url, init);
  }

  now = (): number => this.#now;
  random = (): number => this.randomness;
  hidden = (): boolean => this.isHidden;
  offline = (): boolean => this.isOffline;
  report = (error: unknown): void => void this.reported.push(error);

  after(ms: number, callback: () => void): Timer {
    this.#order += 1;
    const alarm: Alarm = { at: this.#now + ms, order: this.#order, callback };
    this.#alarms.add(alarm);
    return alarm;
  }

  cancel(timer: Timer): void {
    this.#alarms.delete(timer as Alarm);
  }

  watch(changed: (what: "online" | "offline" | "visible") => void): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }

  happens(what: "online" | "offline" | "visible"): void {
    for (const changed of this.#watchers) changed(what);
  }

  get alarms(): number {
    return this.#alarms.size;
  }

  /** Lets promises run. A fixed number of turns is more than any chain here is long. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.settle();
    for (let alarm = this.#first(end); alarm; alarm = this.#first(end)) {
      this.#alarms.delete(alarm);
      this.#now = alarm.at;
      alarm.callback();
      await this.settle();
    }
    this.#now = end;
  }

  get socket(): FakeSocket {
    return this.sockets.at(-1) as FakeSocket;
  }

  /** The newest request that matches and has no answer yet. */
  open(method: string, what = ""): FakeRequest {
    const found = this.requests
      .filter((r) => r.method === method && !done.has(r) && r.url.search.includes(what))
      .at(-1);
    if (!found) throw new Error(`no open ${method} ${what}`);
    return found;
  }

  #first(end: number): Alarm | undefined {
    return [...this.#alarms]
      .filter(({ at }) => at <= end)
      .sort((a, b) => a.at - b.at || a.order - b.order)[0];
  }

  #request(url: string, init: RequestInit): Promise<Response> {
    return new Promise((resolve, reject) => {
      const { signal } = init;
      const request: FakeRequest = {
        method: init.method ?? "GET",
        url: new URL(url),
        headers: init.headers as Record<string, string>,
        body: init.body as string | undefined,
        aborted: false,
        answerRaw: (body) => {
          done.add(request);
          resolve(new Response(body));
        },
        answer: (...packets) => request.answerRaw(packets.map((packet) => JSON.stringify(packet)).join("\n")),
        status: (status, headers = {}) => {
          done.add(request);
          resolve(new Response("why", { status, headers }));
        },
        fail: () => {
          done.add(request);
          reject(new TypeError("fetch failed"));
        },
      };
      signal?.addEventListener("abort", () => {
        done.add(request);
        request.aborted = true;
        reject(new DOMException("aborted", "AbortError"));
      });
      this.requests.push(request);
    });
  }
}

const done = new WeakSet<FakeRequest>();

export const EXTENSION = {
  tsugi: 1,
  "max-message": 1000,
  "ping-ms": 25_000,
  "ping-timeout-ms": 5000,
  "poll-ms": 20_000,
};

export function handshake(user: string | null = "ann"): unknown {
  return [["chsk/handshake", [user, null, null, EXTENSION]], null];
}

export function welcome(outcome: "new" | "resumed" = "new", next = 1, why?: string, taken = 0): unknown {
  return [["chsk/welcome", { session: "s", outcome, next, why, taken, handled: 0 }], null];
}

/** What hello says, beside the name of the outbox, which is random. */
export function hello(says: object): unknown {
  return [
    [
      "chsk/hello",
      { sent: 0, attempt: expect.any(Number), outbox: expect.stringMatching(/^[0-9a-f]{32}$/), ...says },
    ],
    null,
  ];
}
