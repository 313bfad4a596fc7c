/** Long-poll: one GET held by the server, and one POST at a time. */
import type { Incoming, Message } from "../codec.js";
import type { Loss } from "../state.js";
import { Carrier, type Parcel, type Terms } from "./carrier.js";

const POST_TIMEOUT_MS = 15_000;
/** What a held poll may take beyond the time the server holds it. */
const SLACK_MS = 10_000;
/** An empty answer that comes sooner is followed by a pause: a server that does not hold must not be hammered. */
const HELD_MS = 250;
const PAUSE_MS = 500;
const MAX_RETRY_AFTER_MS = 300_000;

/** Several messages of bytes make a blob. */
type Body = Message | Blob;

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

  override hello(text: Message): void {
    this.#run(async () => this.#receive(await this.#post(text)));
  }

  override begin(terms: Terms): void {
    this.#terms = terms;
    this.#startPoll();
    this.pump();
  }

  override say(text: Message): boolean {
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
      const messages = parcels.map(({ text }) => text);
      this.#deliver(this.host.codec.binary ? new Blob(messages) : messages.join("\n"), parcels);
    }
  }

  #mayPost(): boolean {
    return this.#terms !== undefined && !this.done && !this.#quiet && !this.#posting;
  }

  /** In order, as many as the server takes at once, and at least one. Sente takes one. */
  #batch(): Parcel[] {
    const parcels: Parcel[] = [];
    let room = (this.#terms?.session && this.#terms["max-message"] / 3) || 0;
    for (let next = this.host.take(); next; next = this.host.take(room)) {
      parcels.push(next);
      room -= next.text.length + 1;
    }
    return parcels;
  }

  #deliver(body: Body, parcels: Parcel[]): void {
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

  async #send(body: Body, parcels: Parcel[]): Promise<Incoming[]> {
    try {
      if (this.#terms?.session !== undefined) return await this.#post(body);
      const [query, form] =
        typeof body === "string" ? [{}, new URLSearchParams({ ppstr: body })] : [{ "binary?": "true" }, body];
      return await this.#exchange(query as Record<string, string>, this.#holdMs(), form);
    } catch (error) {
      const { httpStatus } = error as Loss;
      if (httpStatus !== 400 && httpStatus !== 413) throw error;
      this.host.refused(parcels, httpStatus);
      return [];
    }
  }

  #holdMs(): number {
    return (this.#terms?.["poll-ms"] ?? 0) + SLACK_MS;
  }

  #receive(packets: Incoming[]): void {
    if (!this.done) this.host.receive(this, packets);
  }

  #get(query: Record<string, string>, timeoutMs: number): Promise<Incoming[]> {
    return this.#exchange({ ...query, udt: String(this.host.environment.now()) }, timeoutMs);
  }

  #post(body: Body): Promise<Incoming[]> {
    return this.#exchange({}, POST_TIMEOUT_MS, body, { "Content-Type": this.host.codec.contentType });
  }

  async #exchange(
    query: Record<string, string>,
    timeoutMs: number,
    body?: Body | URLSearchParams,
    own?: Record<string, string>,
  ): Promise<Incoming[]> {
    const { host } = this;
    const session = this.#terms?.session;
    const headers: Record<string, string> = {
      ...host.headers(),
      "X-Requested-With": "XMLHttpRequest",
      ...own,
    };
    if (session !== undefined) headers["Tsugi-Session"] = session;
    const abort = new AbortController();
    let late = false;
    const timer = host.environment.after(timeoutMs, () => {
      late = true;
      abort.abort();
    });
    this.#exchanges.add(abort);
    const ask = async () => {
      const method = body ? "POST" : "GET";
      const { signal } = abort;
      const init: RequestInit = { method, body, headers, cache: "no-store", signal };
      const response = await host.environment.fetch(host.url("poll", query), init);
      const isBinary = response.status === 200 && host.codec.binary;
      return { response, content: await (isBinary ? response.arrayBuffer() : response.text()) };
    };
    const answered = ask().catch((error: unknown) => {
      throw { reason: late ? "timeout" : "network", message: String(error) } satisfies Loss;
    });
    const { response, content } = await answered.finally(() => {
      host.environment.cancel(timer);
      this.#exchanges.delete(abort);
    });
    if (response.status !== 200) throw lossOf(response, content as string);
    return host.codec.decode(content);
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
  const retryAfterMs = Number(headers.get("retry-after") ?? "none") * 1000;
  if (retryAfterMs >= 0) loss.retryAfterMs = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
  return loss;
}

function carriesSomething({ payload, slot }: Incoming): boolean {
  return slot !== null || (Array.isArray(payload) && payload.length > 0);
}

/** Sente says with bare keywords what went wrong. */
function senteReply(payload: unknown): unknown {
  if (typeof payload !== "string" || !payload.startsWith("chsk/")) return payload;
  return ["chsk/error", { code: payload === "chsk/timeout" ? "timeout" : "failed" }];
}
