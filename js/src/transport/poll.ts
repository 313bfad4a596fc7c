/** Long-poll: one GET held by the server, and one POST at a time. */
import type { Incoming, Message } from "../codec.js";
import { lossOf } from "../loss.js";
import type { Loss } from "../state.js";
import { Carrier, type Parcel } from "./carrier.js";

const POST_TIMEOUT_MS = 15_000;
/** What a held poll may take beyond the time the server holds it. */
const SLACK_MS = 10_000;
/** An empty answer that comes sooner is followed by a pause: a server that does not hold must not be hammered. */
const HELD_MS = 250;
const PAUSE_MS = 500;

/** Several messages of bytes make a blob. */
type Body = Message | Blob;

export class PollCarrier extends Carrier {
  override readonly transport = "poll";
  #posting = false;
  /** Which poll is outstanding. What an earlier one brings comes again. */
  #poll: object | undefined;
  /** Someone takes over: no POST is begun any more, and this is called once none is outstanding. */
  #quiet: (() => void) | undefined;
  /** It was called: no poll is begun any more either. */
  #fenced = false;
  readonly #exchanges = new Set<AbortController>();

  override start(): void {
    this.#run(async () => this.receive(await this.#get({ "handshake?": "1" }, POST_TIMEOUT_MS)));
  }

  override hello(text: Message): void {
    this.#run(async () => this.receive(await this.#post(text)));
  }

  protected override begun(): void {
    this.#startPoll();
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
    this.#startPoll();
    this.pump();
  }

  #ceded(): void {
    if (!this.#quiet || this.#fenced || this.#posting) return;
    this.#fenced = true;
    this.#poll = undefined;
    this.#quiet();
  }

  #startPoll(): void {
    if (this.#poll || this.#fenced) return;
    const poll = {};
    this.#poll = poll;
    this.#run(() => this.#pollOnce(poll));
  }

  async #pollOnce(poll: object): Promise<void> {
    const { environment } = this.host;
    const polledAt = environment.now();
    const ack: Record<string, string> =
      this.terms?.session === undefined ? {} : { ack: String(this.host.acknowledge()) };
    const packets = await this.#get(ack, this.#holdMs()).catch((error: unknown) => {
      if (this.#poll === poll) throw error;
      return [];
    });
    if (this.#poll !== poll) return;
    this.#poll = undefined;
    this.receive(packets);
    if (this.done) return;
    const next = () => this.#startPoll();
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
    return this.terms !== undefined && !this.done && !this.#quiet && !this.#posting;
  }

  /** In order, as many as the server takes at once, and at least one. Sente takes one. */
  #batch(): Parcel[] {
    const parcels: Parcel[] = [];
    let room = (this.terms?.session && this.terms?.["max-message"] / 3) || 0;
    for (let next = this.host.take(); next; next = this.host.take(room)) {
      parcels.push(next);
      room -= next.text.length + 1;
    }
    return parcels;
  }

  #deliver(body: Body, parcels: Parcel[]): void {
    // Sente's POST answers with the reply itself. A request may take its time, so nobody waits behind it.
    const asked = this.terms?.session === undefined && parcels.find((parcel) => parcel.wantsReply);
    if (!asked) this.#posting = true;
    this.#run(async () => {
      const packets = await this.#send(body, parcels);
      if (asked) this.host.settle(asked.number, senteReply(packets[0]?.payload));
      else {
        this.#posting = false;
        this.receive(packets);
        this.#ceded();
      }
      this.pump();
    });
  }

  async #send(body: Body, parcels: Parcel[]): Promise<Incoming[]> {
    try {
      if (this.terms?.session !== undefined) return await this.#post(body);
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
    return (this.terms?.["poll-ms"] ?? 0) + SLACK_MS;
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
    const session = this.terms?.session;
    const headers: Record<string, string> = {
      ...host.headers(),
      "X-Requested-With": "XMLHttpRequest",
      ...own,
    };
    if (session !== undefined) headers["Tsugi-Session"] = session;
    const abort = new AbortController();
    const timer = host.environment.after(timeoutMs, () => abort.abort());
    this.#exchanges.add(abort);
    const method = body ? "POST" : "GET";
    let response: Response;
    let content: string | ArrayBuffer;
    try {
      const init: RequestInit = { method, body, headers, cache: "no-store", signal: abort.signal };
      response = await host.environment.fetch(host.url("poll", query), init);
      content = await (response.status === 200 && host.codec.binary
        ? response.arrayBuffer()
        : response.text());
    } catch (error) {
      throw { reason: abort.signal.aborted ? "timeout" : "network", message: String(error) } satisfies Loss;
    } finally {
      host.environment.cancel(timer);
      this.#exchanges.delete(abort);
    }
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

function carriesSomething({ payload, slot }: Incoming): boolean {
  return slot !== null || (Array.isArray(payload) && payload.length > 0);
}

/** Sente says with bare keywords what went wrong. */
function senteReply(payload: unknown): unknown {
  if (typeof payload !== "string" || !payload.startsWith("chsk/")) return payload;
  return ["chsk/error", { code: payload === "chsk/timeout" ? "timeout" : "failed" }];
}
