/** Long-poll: one GET held by the server, and one POST at a time. */
import type { Incoming } from "../codec.js";
import type { Loss } from "../state.js";
import { Carrier, type Parcel, type Terms } from "./carrier.js";

const POST_TIMEOUT_MS = 15_000;
/** What a held poll may take beyond the time the server holds it. */
const SLACK_MS = 10_000;
/** An empty answer that comes sooner is followed by a pause: a server that does not hold must not be hammered. */
const HELD_MS = 250;
const PAUSE_MS = 500;
const FORM = "application/x-www-form-urlencoded;charset=UTF-8";
const MAX_RETRY_AFTER_MS = 300_000;

export class PollCarrier extends Carrier {
  override readonly transport = "poll";
  #terms: Terms | undefined;
  #posting = false;
  /** Which poll is outstanding. What an earlier one brings comes again. */
  #poll: object | undefined;
  /** Someone takes over: no POST is begun any more, and this is called once none is outstanding. */
  #quiet: (() => void) | undefined;
  /** It was called: no poll is begun any more either. */
  #fenced = false;
  readonly #exchanges = new Set<AbortController>();

  override start(): void {
    this.#run(async () => this.#receive(await this.#get({ "handshake?": "1" }, POST_TIMEOUT_MS)));
  }

  override hello(text: string): void {
    this.#run(async () => this.#receive(await this.#post(text, POST_TIMEOUT_MS)));
  }

  override begin(terms: Terms): void {
    this.#terms = terms;
    this.#startPoll();
    this.pump();
  }

  override say(text: string): boolean {
    const can = this.#mayPost();
    if (can) this.#deliver(text, []);
    return can;
  }

  /** Stops posting, and says when hello may be said on a WebSocket. */
  cede(quiet: () => void): void {
    this.#quiet = quiet;
    this.#ceded();
  }

  /** Nobody took over after all. */
  resume(): void {
    this.#fenced = false;
    this.#quiet = undefined;
    if (!this.#poll) this.#startPoll();
    this.pump();
  }

  #ceded(): void {
    if (!this.#quiet || this.#fenced || this.#posting) return;
    this.#fenced = true;
    this.#poll = undefined;
    this.#quiet();
  }

  #startPoll(): void {
    const poll = {};
    this.#poll = poll;
    this.#run(async () => {
      try {
        await this.#pollOnce(poll);
      } catch (error) {
        if (this.#poll === poll) throw error;
      }
    });
  }

  async #pollOnce(poll: object): Promise<void> {
    const { environment } = this.host;
    const polledAt = environment.now();
    const ack: Record<string, string> =
      this.#terms?.session === undefined ? {} : { ack: String(this.host.acknowledge()) };
    const packets = await this.#get(ack, this.#holdMs());
    if (this.done || this.#poll !== poll) return;
    this.#poll = undefined;
    this.#receive(packets);
    if (this.done) return;
    const next = () => {
      if (!this.#poll && !this.#fenced) this.#startPoll();
    };
    if (environment.now() - polledAt < HELD_MS && !packets.some(carriesSomething))
      this.within(PAUSE_MS, next);
    else next();
  }

  override pump(): void {
    while (this.#mayPost()) {
      const parcels = this.#batch();
      if (parcels.length === 0) return;
      this.#deliver(parcels.map(({ text }) => text).join("\n"), parcels);
    }
  }

  #mayPost(): boolean {
    return this.#terms !== undefined && !this.done && !this.#quiet && !this.#posting;
  }

  /** In order, as many as the server takes at once, and at least one. Sente takes one. */
  #batch(): Parcel[] {
    const parcels: Parcel[] = [];
    let room = Number.POSITIVE_INFINITY;
    for (let next = this.host.take(room); next; next = this.host.take(room)) {
      parcels.push(next);
      if (this.#terms?.session === undefined) break;
      room = Math.min(room, this.#terms.maxMessage / 3) - next.text.length - 1;
    }
    return parcels;
  }

  #deliver(body: string, parcels: Parcel[]): void {
    // Sente's POST answers with the reply itself. A request may take its time, so nobody waits behind it.
    const asked = this.#terms?.session === undefined && parcels.find((parcel) => parcel.wantsReply);
    if (!asked) this.#posting = true;
    this.#run(async () => {
      const packets = await this.#send(body, parcels);
      if (asked) this.host.settle(asked.number, senteReply(packets[0]?.payload));
      else {
        this.#posting = false;
        this.#receive(packets);
        this.#ceded();
      }
      this.pump();
    });
  }

  async #send(body: string, parcels: Parcel[]): Promise<Incoming[]> {
    try {
      return await (this.#terms?.session === undefined
        ? this.#post(`ppstr=${encodeURIComponent(body)}`, this.#holdMs(), FORM)
        : this.#post(body, POST_TIMEOUT_MS));
    } catch (error) {
      const { httpStatus } = error as Loss;
      if (httpStatus !== 400 && httpStatus !== 413) throw error;
      this.host.refused(parcels, httpStatus);
      return [];
    }
  }

  #holdMs(): number {
    return (this.#terms?.pollMs ?? 0) + SLACK_MS;
  }

  #receive(packets: Incoming[]): void {
    if (!this.done) this.host.receive(this, packets);
  }

  #get(query: Record<string, string>, timeoutMs: number): Promise<Incoming[]> {
    const udt = String(this.host.environment.now());
    return this.#exchange({ ...query, udt }, { method: "GET" }, timeoutMs);
  }

  #post(body: string, timeoutMs: number, type = this.host.codec.contentType): Promise<Incoming[]> {
    return this.#exchange({}, { method: "POST", body, headers: { "Content-Type": type } }, timeoutMs);
  }

  async #exchange(query: Record<string, string>, init: Init, timeoutMs: number): Promise<Incoming[]> {
    const { host } = this;
    const session = this.#terms?.session;
    const own: Record<string, string> = session === undefined ? {} : { "Tsugi-Session": session };
    const headers = { ...host.headers(), "X-Requested-With": "XMLHttpRequest", ...init.headers, ...own };
    const abort = new AbortController();
    let late = false;
    const timer = host.environment.after(timeoutMs, () => {
      late = true;
      abort.abort();
    });
    this.#exchanges.add(abort);
    const ask = async () => {
      const url = host.url("poll", query);
      const { signal } = abort;
      const response = await host.environment.fetch(url, { ...init, headers, cache: "no-store", signal });
      return { response, text: await response.text() };
    };
    const answered = ask().catch((error: unknown) => {
      throw { reason: late ? "timeout" : "network", message: String(error) } satisfies Loss;
    });
    const { response, text } = await answered.finally(() => {
      host.environment.cancel(timer);
      this.#exchanges.delete(abort);
    });
    if (response.status !== 200) throw lossOf(response, text);
    return host.codec.decode(text);
  }

  /** Every failure of an exchange ends here, so that none is left to the global handler. */
  #run(work: () => Promise<void>): void {
    work().catch((error: Loss | Error) => {
      if (error instanceof Error) this.fail("bad-frame", error);
      else this.end(error);
    });
  }

  protected override release(): void {
    for (const abort of this.#exchanges) abort.abort();
  }
}

interface Init {
  method: string;
  body?: string;
  headers?: Record<string, string>;
}

const REASONS: Record<number, Loss["reason"]> = {
  400: "rejected",
  401: "refused",
  402: "refused",
  403: "refused",
  409: "session-gone",
  503: "busy",
};

function lossOf({ status, headers }: Response, text: string): Loss {
  const loss: Loss = {
    reason: REASONS[status] ?? "network",
    httpStatus: status,
    message: text.slice(0, 200) || undefined,
  };
  const retryAfterMs = Number(headers.get("retry-after") ?? Number.NaN) * 1000;
  if (retryAfterMs >= 0) loss.retryAfterMs = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
  return loss;
}

function carriesSomething({ payload, slot }: Incoming): boolean {
  return slot !== null || (Array.isArray(payload) && payload.length > 0);
}

/** Sente says with bare keywords what went wrong. */
function senteReply(payload: unknown): unknown {
  if (payload === "chsk/timeout") return ["chsk/error", { code: "timeout" }];
  return payload === "chsk/error" || payload === "chsk/closed" ? ["chsk/error", { code: "failed" }] : payload;
}
