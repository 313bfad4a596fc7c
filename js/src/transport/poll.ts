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
/** A poll this young may still be on its way, and would reach the server after hello on the WebSocket. */
const SETTLED_MS = 250;
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
  #polling = false;
  #polledAt = 0;
  /** Someone takes over: called once no POST is outstanding; no new one is begun. */
  #quiet: (() => void) | undefined;
  /** Hello was said elsewhere: called once no poll is outstanding; no new one is begun. */
  #silent: (() => void) | undefined;
  #ceding = false;
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
    this.#poll();
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
    this.#ceding = true;
    this.#quiet = quiet;
    this.#ceded();
  }

  /** Says when what the last poll brought has been received; no later than `timeoutMs`. */
  whenSilent(timeoutMs: number, silent: () => void): void {
    this.#silent = silent;
    this.within(timeoutMs, () => this.#fellSilent());
    if (!this.#polling) this.#fellSilent();
  }

  /** Nobody took over after all. */
  resume(): void {
    this.#ceding = false;
    this.#fenced = false;
    this.#quiet = undefined;
    this.#silent = undefined;
    this.within(undefined);
    if (!this.#polling) this.#poll();
    this.#pump();
  }

  #ceded(): void {
    if (!this.#quiet || this.#posting.length > 0) return;
    // No poll after this one: where events come fast, none would ever be old enough.
    this.#fenced = true;
    const young = SETTLED_MS - (this.host.environment.now() - this.#polledAt);
    if (this.#polling && young > 0) return this.within(young, () => this.#ceded());
    const quiet = this.#quiet;
    this.#quiet = undefined;
    quiet();
  }

  #fellSilent(): void {
    const silent = this.#silent;
    this.#silent = undefined;
    this.within(undefined);
    silent?.();
  }

  #poll(): void {
    this.#polling = true;
    this.#run(() => this.#pollOnce());
  }

  async #pollOnce(): Promise<void> {
    const { environment } = this.host;
    this.#polledAt = environment.now();
    const packets = await this.#get({}, (this.#terms?.pollMs ?? 0) + SLACK_MS);
    if (this.done) return;
    const quick = environment.now() - this.#polledAt < HELD_MS;
    this.#polling = false;
    this.#receive(packets);
    if (this.done) return;
    if (this.#fenced) {
      this.#ceded();
      return this.#fellSilent();
    }
    if (quick && !packets.some(carriesSomething)) this.#pause();
    else this.#poll();
  }

  #pause(): void {
    this.host.environment.after(PAUSE_MS, () => {
      if (!this.done && !this.#polling && !this.#fenced) this.#poll();
    });
  }

  #pump(): void {
    if (!this.#terms || this.done || this.#ceding || this.#posting.length > 0) return;
    const { session } = this.#terms;
    while (this.#queue.length > 0 && this.#posting.length === 0) {
      if (session === undefined) this.#postToSente(this.#queue.shift() as Parcel);
      else this.#postBatch(this.#terms.maxMessage);
    }
  }

  /** In order, as many as the server takes at once, and at least one. */
  #postBatch(maxBytes: number): void {
    let bytes = 0;
    let count = 0;
    for (const { text } of this.#queue) {
      bytes += 3 * text.length + 1;
      if (count > 0 && bytes > maxBytes) break;
      count += 1;
    }
    this.#posting = this.#queue.splice(0, count);
    const body = this.#posting.map(({ text }) => text).join("\n");
    this.#run(async () => {
      const packets = await this.#deliver(this.#posting, () => this.#post(body, POST_TIMEOUT_MS));
      this.#posting = [];
      this.#receive(packets);
      this.#ceded();
      this.#pump();
    });
  }

  /** Sente's POST answers with the reply itself. A request may take its time, so nobody waits behind it. */
  #postToSente(parcel: Parcel): void {
    const waits = parcel.slot !== null;
    if (!waits) this.#posting = [parcel];
    this.#run(async () => {
      const packets = await this.#deliver([parcel], () => this.#postForm(parcel.text));
      if (waits) this.host.settle(parcel.slot, senteReply(packets[0]?.payload));
      else this.#posting = [];
      this.#pump();
    });
  }

  async #deliver(parcels: Parcel[], exchange: () => Promise<Incoming[]>): Promise<Incoming[]> {
    try {
      return await exchange();
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

  #receive(packets: Incoming[]): void {
    if (!this.done) this.host.receive(this, packets);
  }

  #get(query: Record<string, string>, timeoutMs: number): Promise<Incoming[]> {
    const udt = String(this.host.environment.now());
    return this.#exchange("GET", { ...query, udt }, undefined, {}, timeoutMs);
  }

  #post(body: string, timeoutMs: number): Promise<Incoming[]> {
    return this.#exchange("POST", {}, body, { "Content-Type": this.host.codec.contentType }, timeoutMs);
  }

  #postForm(text: string): Promise<Incoming[]> {
    const type = { "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8" };
    const timeoutMs = (this.#terms?.pollMs ?? 0) + SLACK_MS;
    return this.#exchange("POST", {}, `ppstr=${encodeURIComponent(text)}`, type, timeoutMs);
  }

  async #exchange(
    method: string,
    query: Record<string, string>,
    body: string | undefined,
    extra: Record<string, string>,
    timeoutMs: number,
  ): Promise<Incoming[]> {
    const { host } = this;
    const terms = this.#terms;
    const headers = { ...host.headers(), "X-Requested-With": "XMLHttpRequest", ...extra };
    if (terms?.session !== undefined) Object.assign(headers, { "Tsugi-Session": terms.session });
    const response = await this.#fetch(host.url("poll", query), { method, headers, body }, timeoutMs);
    if (response.status !== 200) throw new Failure(lossOf(response));
    return host.codec.decode(response.text);
  }

  async #fetch(url: string, init: RequestInit, timeoutMs: number): Promise<Answer> {
    const { environment } = this.host;
    const abort = new AbortController();
    let late = false;
    const timer = environment.after(timeoutMs, () => {
      late = true;
      abort.abort();
    });
    this.#exchanges.add(abort);
    try {
      const response = await environment.fetch(url, { ...init, cache: "no-store", signal: abort.signal });
      const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
      return { status: response.status, text: await response.text(), retryAfter };
    } catch (error) {
      throw new Failure({ reason: late ? "timeout" : "network", message: String(error) });
    } finally {
      environment.cancel(timer);
      this.#exchanges.delete(abort);
    }
  }

  /** Every failure of an exchange ends here, so that none is left to the global handler. */
  #run(work: () => Promise<void>): void {
    work().catch((error: unknown) => {
      if (error instanceof Failure) this.fail(error.loss);
      else this.fail({ reason: "bad-frame", message: String(error) });
    });
  }

  protected override release(): void {
    for (const abort of this.#exchanges) abort.abort();
  }
}

interface Answer {
  status: number;
  text: string;
  retryAfter: number;
}

function lossOf({ status, text, retryAfter }: Answer): Loss {
  const loss: Loss = { reason: "network", httpStatus: status, message: text.slice(0, 200) || undefined };
  if (status === 400) loss.reason = "rejected";
  if (status >= 401 && status <= 403) loss.reason = "refused";
  if (status === 409) loss.reason = "session-gone";
  if (status === 503) loss.reason = "busy";
  if (retryAfter >= 0) loss.retryAfterMs = Math.min(retryAfter * 1000, MAX_RETRY_AFTER_MS);
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
