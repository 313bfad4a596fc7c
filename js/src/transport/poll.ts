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

/** Ends an exchange: the carrier is lost, or the server did not take what was posted. */
class Failure {
  readonly loss: Loss;
  constructor(loss: Loss) {
    this.loss = loss;
  }
}

export class PollCarrier extends Carrier {
  override readonly transport = "poll";
  #terms: Terms | undefined;
  #queue: Parcel[] = [];
  #posting: Parcel[] = [];
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
    this.#pump();
  }

  override send(parcel: Parcel): void {
    this.#queue.push(parcel);
    this.#pump();
  }

  override drain(): Parcel[] {
    return this.#queue.splice(0);
  }

  override waiting(): number {
    return this.#queue.length;
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
    this.#pump();
  }

  #ceded(): void {
    if (!this.#quiet || this.#fenced || this.#posting.length > 0) return;
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

  #pump(): void {
    while (
      this.#terms &&
      !this.done &&
      !this.#quiet &&
      this.#posting.length === 0 &&
      this.#queue.length > 0
    ) {
      const { session, maxMessage } = this.#terms;
      const parcels = session === undefined ? this.#queue.splice(0, 1) : this.#batch(maxMessage);
      // Sente's POST answers with the reply itself. A request may take its time, so nobody waits behind it.
      const slot = session === undefined ? (parcels[0]?.slot ?? null) : null;
      if (slot === null) this.#posting = parcels;
      this.#run(async () => {
        const packets = await this.#deliver(parcels, session);
        if (slot !== null) this.host.settle(slot, senteReply(packets[0]?.payload));
        else {
          this.#posting = [];
          this.#receive(packets);
          this.#ceded();
        }
        this.#pump();
      });
    }
  }

  /** In order, as many as the server takes at once, and at least one. */
  #batch(maxBytes: number): Parcel[] {
    let bytes = 0;
    let count = 0;
    for (const { text } of this.#queue) {
      bytes += 3 * text.length + 1;
      if (count > 0 && bytes > maxBytes) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  async #deliver(parcels: Parcel[], session: string | undefined): Promise<Incoming[]> {
    const body = parcels.map(({ text }) => text).join("\n");
    try {
      return await (session === undefined
        ? this.#post(`ppstr=${encodeURIComponent(body)}`, this.#holdMs(), FORM)
        : this.#post(body, POST_TIMEOUT_MS));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const { httpStatus = 0, reason } = error.loss;
      // Nothing of it was handled, so it may be sent again.
      if (reason === "session-gone") this.#queue.unshift(...parcels);
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
      throw new Failure({ reason: late ? "timeout" : "network", message: String(error) });
    });
    const { response, text } = await answered.finally(() => {
      host.environment.cancel(timer);
      this.#exchanges.delete(abort);
    });
    if (response.status !== 200) throw new Failure(lossOf(response, text));
    return host.codec.decode(text);
  }

  /** Every failure of an exchange ends here, so that none is left to the global handler. */
  #run(work: () => Promise<void>): void {
    work().catch((error: unknown) => {
      if (error instanceof Failure) this.end(error.loss);
      else this.fail("bad-frame", error);
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
