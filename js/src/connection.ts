/** The client's end of one logical connection: what is tried, what is open, what waits. */

import { backoff, CAP_MS } from "./backoff.js";
import type { Incoming, Slot } from "./codec.js";
import type { Config } from "./config.js";
import type { Environment, Timer } from "./environment.js";
import { RequestError, SendError } from "./errors.js";
import { type Events, GAP, STATE } from "./events.js";
import { count, readHandshake, readWelcome } from "./handshake.js";
import { Ledger } from "./ledger.js";
import { isFinal, isViolation, MAX_RETRY_AFTER_MS } from "./loss.js";
import type { Outbox } from "./outbox.js";
import { Path } from "./path.js";
import type { Gap, Loss, State, Verdict } from "./state.js";
import type { Carrier, Host, Parcel, Terms } from "./transport/carrier.js";
import { PollCarrier } from "./transport/poll.js";
import { WebSocketCarrier } from "./transport/websocket.js";
import type { Delivery, RequestOptions, SendOptions, Transport } from "./types.js";
import { fits, refuse, write } from "./write.js";

/** After so long the connection counts as good, and the next loss as a first one. */
const GOOD_MS = 5000;
/** Broken rules in a row, after which nothing is tried any more. */
const MAX_VIOLATIONS = 3;
/** `online` and becoming visible happen to many clients at once: each waits a little, at random. */
const WAKE_MS = 250;
/** Characters or bytes that may be under way. */
const MAX_LENGTH = 16 * 1024 * 1024;

type User = { user: string | null; data: unknown };

export class Connection implements Host {
  state: State;
  readonly environment: Environment;
  readonly codec: Config["codec"];
  readonly #config: Config;
  readonly #events: Events;
  readonly #path: Path;
  /** What events travel on. */
  #live: Carrier | undefined;
  /** What is being opened: instead of a live carrier, or, while polling, to take over from it. */
  #candidate: Carrier | undefined;
  /** What the handshake said, without which nothing opens. */
  #user!: User;
  #terms: Terms;
  readonly #ledger: Ledger;
  #outbox: Outbox;
  #token: string | undefined;
  #attempts = 0;
  #violations = 0;
  #openedAt = 0;
  /** Tells an attempt whose token came too late that it is over. */
  #epoch = 0;
  #retryTimer: Timer;
  #climbTimer: Timer;
  #over = false;
  readonly #unwatch: () => void;

  constructor(config: Config, environment: Environment, events: Events) {
    this.#config = config;
    this.environment = environment;
    this.codec = config.codec;
    this.#events = events;
    this.#terms = config.senteTerms;
    this.#outbox = config.outbox(this);
    this.#ledger = new Ledger(environment, () => this.#sayArrived());
    this.#path = new Path(config.transports, environment.WebSocket !== undefined);
    this.state = this.#connecting(this.#path.first() ?? "ws");
    this.#unwatch = environment.watch((what) => this.#wake(what));
    this.#connect();
  }

  // Commands.

  get outbox(): readonly Delivery[] {
    return Array.from(this.#outbox.items.values(), ({ delivery }) => delivery);
  }

  send(id: string, data: unknown, options: SendOptions): Delivery {
    return this.#add(id, data, false, options);
  }

  async request(id: string, data: unknown, options: RequestOptions): Promise<unknown> {
    if (options.signal?.aborted) throw new RequestError("aborted");
    const { error, reply } = await this.#add(id, data, true, options).settled;
    if (error) throw error;
    return reply;
  }

  reconnect(): void {
    if (this.#over) throw new SendError("disconnected", "close() was called");
    this.#drop();
    this.#attempts = 0;
    this.#violations = 0;
    this.#path.forget();
    this.#path.pollFailed();
    this.#connect();
  }

  close(code: number, reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#unwatch();
    this.#drop(reason, code);
    this.#end({ reason: "closed", code, message: reason || undefined });
  }

  /** Sends what may be sent by now. */
  flush(): void {
    this.#live?.pump();
  }

  // What carriers ask and say.

  url(transport: Transport, query: Record<string, string>): string {
    return this.#config.url(transport, query, this.#token);
  }

  headers(): Record<string, string> {
    const { headers } = this.#config;
    return this.#token === undefined ? headers : { ...headers, "X-CSRF-Token": this.#token };
  }

  acknowledge(): number {
    return this.#ledger.acknowledge();
  }

  take(room?: number): Parcel | undefined {
    const parcel = this.#outbox.take(room);
    if (!parcel) return undefined;
    const { number, text, wantsReply, delivery } = parcel;
    // What was written before there was a server may be too much for the one there is.
    if (!fits(text, this.#terms["max-message"])) {
      this.#outbox.fail(number, "too-large");
      return this.take(room);
    }
    if (this.#terms.session !== undefined) return parcel;
    // Sente has numbers of its own for requests, and none for events: it says nothing of what becomes of them.
    if (!wantsReply) this.#outbox.end(number, "sent");
    const slot = wantsReply
      ? this.#live?.transport === "poll"
        ? "ajax"
        : number.toString(16).padStart(6, "0")
      : null;
    return { ...parcel, text: this.codec.encode({ ...delivery, slot }) };
  }

  settle(slot: Slot, reply: unknown): void {
    this.#outbox.settle(Number(typeof slot === "string" ? `0x${slot}` : slot), reply);
  }

  refused(parcels: Parcel[], httpStatus: number): void {
    const code = httpStatus === 413 ? "too-large" : "bad-event";
    for (const { number } of parcels) this.#outbox.fail(number, code);
  }

  lost(carrier: Carrier, loss: Loss): void {
    if (carrier === this.#live) this.#liveLost(carrier, loss);
    else this.#candidateLost(carrier, loss);
  }

  // Connecting.

  #connect(): void {
    const transport = this.#path.first();
    if (!transport) return this.#end({ reason: "no-transport" });
    if (this.#change(this.#connecting(transport))) this.#withToken(() => this.#open(transport));
  }

  #connecting(transport: Transport): State {
    return { status: "connecting", transport, attempt: this.#attempts, offline: this.environment.offline() };
  }

  /** Opens in the same turn when the token is at hand: a page's first connection should not wait. */
  #withToken(then: () => void): void {
    this.#epoch += 1;
    const epoch = this.#epoch;
    const proceed = (token: string | undefined) => {
      if (epoch !== this.#epoch) return;
      this.#token = token;
      then();
    };
    const failed = (error: unknown) => {
      if (epoch !== this.#epoch) return;
      if (this.#live) this.#planClimb();
      else this.#retry({ reason: "token", message: String(error) });
    };
    try {
      const token = this.#config.csrfToken();
      if (token instanceof Promise) token.then(proceed, failed);
      else proceed(token);
    } catch (error) {
      failed(error);
    }
  }

  #open(transport: Transport): void {
    this.#candidate = transport === "ws" ? new WebSocketCarrier(this) : new PollCarrier(this);
    this.#candidate.start(this.#config.handshakeTimeoutMs);
  }

  understands(carrier: Carrier, packet: Incoming): boolean {
    if (carrier.phase === "handshake") return this.#handshake(carrier, packet.payload);
    if (carrier.phase === "welcome") return this.#welcome(carrier, packet.payload);
    if (packet.slot === null) return this.#message(carrier, packet.payload);
    if (this.#isNews(carrier)) this.settle(packet.slot, packet.payload);
    return true;
  }

  /** @returns whether the next item of this carrier is one that the application has not seen. */
  #isNews(carrier: Carrier): boolean {
    return (
      !carrier.next || this.#ledger.enter(carrier.next++, this.#terms["ack-items"], this.#terms["ack-ms"])
    );
  }

  /** Tells the server what arrived, where a poll does not do it anyway. */
  #sayArrived(): void {
    const data = this.acknowledge();
    if (this.#live?.transport === "ws") this.#say("chsk/ack", data);
  }

  #say(id: string, data: unknown): void {
    this.#live?.say(this.codec.encode({ id, data, slot: null }));
  }

  #handshake(carrier: Carrier, payload: unknown): boolean {
    const handshake = readHandshake(payload, this.#config.senteTerms);
    if (!handshake) return false;
    const { user, data, terms } = handshake;
    this.#user = { user, data };
    // What was meant to be said as somebody is not said as somebody else.
    if (![undefined, user].includes(this.#outbox.user)) {
      this.#outbox.failAll("other-user");
      this.#outbox = this.#config.outbox(this, user);
    }
    this.#outbox.user = user;
    // Without the extension nothing names a session that could go on.
    if (!terms) this.#adopt(carrier, this.#config.senteTerms, false);
    else this.#sayHello(carrier, terms);
    return true;
  }

  #sayHello(carrier: Carrier, terms: Omit<Terms, "session">): void {
    const { session } = this.#terms;
    this.#terms = { ...terms, session };
    const csrf = carrier.transport === "ws" ? this.#token : undefined;
    carrier.phase = "welcome";
    const say = () => {
      if (carrier !== this.#candidate) return;
      // Codecs leave out what is undefined.
      this.#outbox.attempts += 1;
      const { name: outbox, sent, attempts: attempt } = this.#outbox;
      const data = { session, received: this.#ledger.received, csrf, outbox, sent, attempt };
      const text = this.codec.encode({ id: "chsk/hello", data, slot: null });
      carrier.hello(text, this.#config.handshakeTimeoutMs);
    };
    this.#outbox.whenOpen(() => {
      if (this.#live instanceof PollCarrier) this.#live.cede(say);
      else say();
    });
  }

  #welcome(carrier: Carrier, payload: unknown): boolean {
    const welcome = readWelcome(payload);
    if (!welcome) return false;
    const { session, resumed, next, why, taken, handled } = welcome;
    if (!resumed) this.#skipTo(1, why);
    this.#countFrom(carrier, next);
    this.#outbox.rewind(taken, handled);
    this.#adopt(carrier, { ...this.#terms, session }, resumed);
    return true;
  }

  /** What lies between what arrived and the next item was too much for the server to keep. */
  #countFrom(carrier: Carrier, next: number): void {
    carrier.next = next;
    if (next > this.#ledger.received + 1) this.#skipTo(next, "overflow", next - 1);
  }

  #skipTo(next: number, why?: Gap["why"], to?: number): void {
    const from = this.#ledger.received + 1;
    this.#ledger.skipTo(next);
    if (why) this.#events.tell(GAP, { from, to, why });
  }

  /** The server has taken this carrier: from now on events travel on it. */
  #adopt(carrier: Carrier, terms: Terms, resumed: boolean): void {
    // A handler that was told of a gap may have closed.
    if (carrier !== this.#candidate) return;
    this.#live?.close();
    this.#noteGood();
    this.#openedAt = this.environment.now();
    this.#live = carrier;
    this.#candidate = undefined;
    this.#terms = terms;
    carrier.phase = "open";
    const { transport } = carrier;
    if (transport === "ws") this.#path.verdict = "fine";
    carrier.begin(terms);
    this.#change({ status: "open", transport, ...this.#user, resumed, why: this.#path.verdict });
    if (carrier === this.#live) this.#planClimb();
  }

  // Being open.

  #message(carrier: Carrier, payload: unknown): boolean {
    if (typeof payload === "string") return this.#control(carrier, payload, undefined);
    if (!Array.isArray(payload)) return false;
    if (typeof payload[0] === "string") return this.#control(carrier, payload[0], payload[1]);
    this.#events.batch(payload.filter(() => this.#isNews(carrier)));
    return true;
  }

  #control(carrier: Carrier, id: string, data: unknown): boolean {
    if (id === "chsk/ws-ping") this.#say("chsk/ws-pong", undefined);
    else if (id === "chsk/from") this.#countFrom(carrier, count(data));
    // To each client another moment.
    else if (id === "chsk/retry") carrier.slotMs = Math.min(count(data), MAX_RETRY_AFTER_MS);
    else if (id === "chsk/close") this.#closedByServer(carrier, data);
    // A poll is answered with a handshake when the server has forgotten us.
    else if (id === "chsk/handshake") carrier.fail("session-gone");
    // What a later server may say besides is nothing to worry about.
    else return id.startsWith("chsk/");
    return true;
  }

  #closedByServer(carrier: Carrier, data: unknown): void {
    const { code, reason } = Object(data) as Record<string, unknown>;
    carrier.fail("server", reason, count(code) || 1000);
  }

  /** Two carriers of one client are two clients to plain Sente: events would come twice. */
  #mayClimb(): boolean {
    return (
      this.#live?.transport === "poll" &&
      !this.#candidate &&
      this.#terms.session !== undefined &&
      this.#path.allows("ws")
    );
  }

  #planClimb(): void {
    this.environment.cancel(this.#climbTimer);
    const ms = this.#mayClimb() ? this.#path.climbAfter(this.environment.random()) : undefined;
    if (ms) this.#climbTimer = this.environment.after(ms, () => this.#climb());
  }

  #climb(): void {
    if (this.#mayClimb()) this.#withToken(() => this.#mayClimb() && this.#open("ws"));
  }

  // Losing it.

  #candidateLost(carrier: Carrier, loss: Loss): void {
    this.#candidate = undefined;
    const verdict: Verdict = loss.reason === "timeout" ? "mute" : "refused";
    const spoke = carrier.phase !== "handshake";
    if (this.#live) this.#climbLost(verdict);
    else if (carrier.transport === "ws" && !spoke && this.#path.allows("poll") && !isFinal(loss)) {
      this.#path.verdict = verdict;
      if (this.#change(this.#connecting("poll"))) this.#open("poll");
    } else {
      if (carrier.transport === "poll") this.#path.pollFailed();
      this.#failed(loss);
    }
  }

  #climbLost(verdict: Verdict): void {
    this.#path.climbFailed(verdict);
    (this.#live as PollCarrier).resume();
    this.#planClimb();
  }

  #liveLost(carrier: Carrier, loss: Loss): void {
    if (carrier.transport === "ws" && !this.#isGood()) this.#path.webSocketDiedYoung();
    this.#noteGood();
    this.#drop();
    if (carrier.slotMs > 0 && !isFinal(loss)) this.#wait(carrier.slotMs, { ...loss, reason: "busy" });
    else this.#failed(loss);
  }

  #isGood(): boolean {
    return this.environment.now() - this.#openedAt >= GOOD_MS;
  }

  #noteGood(): void {
    if (this.state.status !== "open" || !this.#isGood()) return;
    this.#attempts = 0;
    this.#violations = 0;
    if (this.state.transport === "ws") this.#path.forget();
  }

  #failed(loss: Loss): void {
    if (isViolation(loss)) this.#violations += 1;
    if (isFinal(loss) || this.#violations >= MAX_VIOLATIONS) this.#end(loss);
    else this.#retry(loss);
  }

  #retry(loss: Loss): void {
    const { environment } = this;
    const slow = environment.offline() || environment.hidden();
    const waitMs = slow ? CAP_MS : backoff(this.#attempts, environment.random());
    const { retryAfterMs = 0, ...why } = loss;
    this.#attempts += 1;
    this.#wait(waitMs + retryAfterMs, why);
  }

  #wait(retryInMs: number, why: Loss): void {
    const { environment } = this;
    environment.cancel(this.#retryTimer);
    this.#retryTimer = environment.after(retryInMs, () => this.#connect());
    const retryAt = environment.now() + retryInMs;
    const offline = environment.offline();
    this.#change({ ...why, status: "waiting", retryAt, retryInMs, attempt: this.#attempts, offline });
  }

  #end(loss: Loss): void {
    const reason = loss.code === 3500 ? "replaced" : loss.reason;
    this.#drop();
    this.#change({ ...loss, status: "closed", reason });
    this.#outbox.failAll("closed");
  }

  /** Lets go of everything that could connect or carry. The session may be resumed. */
  #drop(reason?: string, code?: number): void {
    this.#epoch += 1;
    this.environment.cancel(this.#retryTimer);
    this.environment.cancel(this.#climbTimer);
    this.acknowledge();
    const live = this.#live;
    // No closed carrier tells of its loss.
    this.#candidate?.close(code, reason);
    live?.close(code, reason);
    this.#live = undefined;
    this.#candidate = undefined;
    // Without a session nothing that was asked will be answered.
    if (live && this.#terms.session === undefined) this.#outbox.failAll("disconnected", "sent");
  }

  // The world.

  #wake(what: "online" | "offline" | "visible"): void {
    if (what === "online") this.#path.forget();
    const { state } = this;
    const live = this.#live;
    if (state.status === "waiting") {
      if (what === "offline") this.#change({ ...state, offline: true });
      // A server that named a time meant it.
      else if (state.reason !== "busy") this.#wait(Math.round(this.environment.random() * WAKE_MS), state);
    } else if (live instanceof WebSocketCarrier) {
      // The network may be another one, on which this socket is dead without a sign.
      live.probe();
    } else if (what === "online") this.#climb();
  }

  // Sending.

  #add(
    id: string,
    data: unknown,
    wantsReply: boolean,
    { timeoutMs, signal, volatile }: SendOptions & RequestOptions,
  ): Delivery {
    const live = this.#live;
    const outbox = this.#outbox;
    const { status } = this.state;
    const { maxQueue, refuses, requestTimeoutMs, sendTimeoutMs } = this.#config;
    if (!live && (refuses || status === "closed")) refuse(id, "disconnected", `no connection (${status})`);
    const number = outbox.last + 1;
    const slot = volatile ? null : wantsReply ? number : -number;
    const text = write(this.codec, { id, data, slot }, this.#terms["max-message"]);
    if (outbox.items.size >= maxQueue || outbox.length > MAX_LENGTH)
      refuse(id, "queue-full", "too much waits");
    const ms =
      timeoutMs ?? outbox.keepsFor?.(id, wantsReply) ?? (wantsReply ? requestTimeoutMs : sendTimeoutMs);
    const delivery = outbox.add(id, data, text, wantsReply, ms, signal);
    if (!volatile) this.flush();
    else if (live?.say(text)) outbox.end(number, "sent");
    else outbox.fail(number, "dropped");
    return delivery;
  }

  /** @returns whether it is still so when all have been told: a handler may have closed or reconnected. */
  #change(now: State): boolean {
    const before = this.state;
    this.state = now;
    this.#events.tell(STATE, now, before);
    return this.state === now;
  }
}
