import { a as RequestError, i as ConnectError, o as SendError, s as json, t as configure } from "./config-C89N29ue.js";
const CAP_MS = 2e4;
const BASE_MS = 500;
const LEAST_MS = 100;
function backoff(attempt, random) {
  const bound = Math.min(CAP_MS, BASE_MS * 2 ** attempt);
  return Math.max(LEAST_MS, Math.round(random * bound));
}
const ANY = "chsk/any";
const GAP = "chsk/gap";
const STATE = "chsk/state";
var Events = class {
  #handlers = /* @__PURE__ */ new Set();
  #report;
  constructor(report2) {
    this.#report = report2;
  }
  /** Adding a function twice is two subscriptions, each with its own end. */
  on(id, handler) {
    const own = {
      id,
      handler
    };
    this.#handlers.add(own);
    return () => {
      this.#handlers.delete(own);
    };
  }
  B(id, ...what) {
    for (const { id: wanted, handler } of [...this.#handlers]) {
      if (wanted !== id) continue;
      try {
        const result = handler(...what);
        if (result instanceof Promise) result.catch((error) => this.#report(error));
      } catch (error) {
        this.#report(error);
      }
    }
  }
  /** Events of one batch, one after another; what is no event is reported and passed over. */
  N(events) {
    for (const event of events) if (Array.isArray(event) && typeof event[0] === "string") {
      this.B(event[0], event[1]);
      this.B(ANY, event[0], event[1]);
    } else this.#report(/* @__PURE__ */ new TypeError("tsugi: the server sent what is no event"));
  }
};
function readHandshake(payload, defaults) {
  if (!Array.isArray(payload) || payload[0] !== "chsk/handshake" || !Array.isArray(payload[1])) return void 0;
  const [uid, , data, extension] = payload[1];
  const nobody = uid === null || uid === void 0 || uid === "sente/nil-uid";
  const { tsugi } = Object(extension);
  const terms = tsugi ? {
    ...defaults,
    ...extension
  } : void 0;
  return {
    user: nobody ? null : String(uid),
    data,
    t: terms
  };
}
function readWelcome(payload) {
  if (!Array.isArray(payload) || payload[0] !== "chsk/welcome") return void 0;
  const { session, outcome, next, why, taken, handled } = Object(payload[1]);
  if (typeof session !== "string") return void 0;
  return {
    session,
    resumed: outcome === "resumed",
    why,
    next: count(next),
    taken: count(taken),
    handled: count(handled)
  };
}
function count(value) {
  return Number(value) || 0;
}
var Ledger = class {
  #acknowledged;
  #late;
  #environment;
  #tell;
  constructor(environment, tell) {
    this.received = 0;
    this.#acknowledged = 0;
    this.#environment = environment;
    this.#tell = tell;
  }
  /**
  * Takes note of an item.
  * @returns whether it is news, and did not come before on another carrier.
  */
  O(number, items, ms) {
    if (number <= this.received) return false;
    this.received = number;
    if (number - this.#acknowledged >= items) this.#tell();
    else this.#late ??= this.#environment.m(ms, this.#tell);
    return true;
  }
  /** The server is told now: how far it is. */
  w() {
    this.#environment.cancel(this.#late);
    this.#late = void 0;
    this.#acknowledged = this.received;
    return this.received;
  }
  /** Another session begins, or what lies before an item will not come. */
  P(next) {
    this.received = next - 1;
    this.w();
  }
};
const BROKEN_RULES = [
  1002,
  1003,
  1007,
  1008,
  1009
];
const MAX_RETRY_AFTER_MS = 3e5;
const REASONS = {
  400: "rejected",
  401: "refused",
  402: "refused",
  403: "refused",
  409: "session-gone",
  503: "busy"
};
function isFinal({ reason, code = 0 }) {
  return code >= 3500 && code < 5e3 && code % 1e3 >= 500 || reason === "refused" || reason === "rejected";
}
function isViolation({ reason, code = 0 }) {
  return reason === "bad-frame" || BROKEN_RULES.includes(code);
}
function lossOf({ status, headers }, text) {
  const loss = {
    reason: REASONS[status] ?? "network",
    httpStatus: status,
    message: text.slice(0, 200) || void 0
  };
  const retryAfterMs = Number(headers.get("retry-after") ?? "none") * 1e3;
  if (retryAfterMs >= 0) loss.retryAfterMs = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
  return loss;
}
const CLIMB_MS = 3e4;
const CLIMB_CAP_MS = 3e5;
const YOUNG_DEATHS = 3;
var Path = class {
  #allowed;
  #failedClimbs;
  #youngDeaths;
  constructor(allowed, webSocketExists) {
    this.v = "fine";
    this.#failedClimbs = 0;
    this.#youngDeaths = 0;
    this.#allowed = webSocketExists ? allowed : allowed.filter((transport) => transport !== "ws");
    if (!this.#allowed.includes("ws")) this.v = "unavailable";
  }
  /** What an attempt begins with. */
  G() {
    return this.v === "fine" || !this.C("poll") ? this.#allowed[0] : "poll";
  }
  C(transport) {
    return this.#allowed.includes(transport);
  }
  /** An open WebSocket was lost before it could be trusted. */
  Q() {
    this.#youngDeaths += 1;
    if (this.#youngDeaths >= YOUNG_DEATHS) this.v = "unstable";
  }
  /** Polling failed too: that says more of the network than of WebSockets, so begin with one again. */
  H() {
    this.#youngDeaths = 0;
    if (this.C("ws")) this.v = "fine";
  }
  /** While polling: how long until the next WebSocket is tried; `undefined` for never. */
  R(random) {
    if (this.#allowed[0] !== "ws") return void 0;
    const base = Math.min(CLIMB_CAP_MS, CLIMB_MS * 2 ** this.#failedClimbs);
    return Math.round(base * (0.75 + 0.5 * random));
  }
  S(verdict) {
    this.#failedClimbs += 1;
    this.v = verdict;
  }
  /** A WebSocket was open long enough to be trusted, or the network is another one: what was learnt may be wrong. */
  D() {
    this.#failedClimbs = 0;
    this.#youngDeaths = 0;
  }
};
var Carrier = class {
  #watchdog;
  constructor(host) {
    this.x = "handshake";
    this.next = 0;
    this.E = 0;
    this.u = false;
    this.host = host;
  }
  /** The server has taken this carrier. */
  T(terms) {
    this.t = terms;
    this.I();
    this.y();
  }
  /** Ends it without a word to the host. */
  close(code = 1e3, reason = "") {
    if (this.u) return;
    this.u = true;
    this.z();
    this.J(code, reason);
  }
  c(reason, message, code) {
    this.d({
      reason,
      message: message ? String(message) : void 0,
      code
    });
  }
  d(loss, closeCode) {
    if (this.u) return;
    this.close(closeCode);
    this.host.U(this, loss);
  }
  /** One timer per carrier: each use replaces the one before. */
  z(ms, late) {
    this.host.f.cancel(this.#watchdog);
    this.#watchdog = late && this.host.f.m(ms, late);
  }
  A(packets) {
    for (const packet of packets) {
      if (this.u) return;
      if (!this.host.V(this, packet)) this.c("bad-frame");
    }
  }
};
const POST_TIMEOUT_MS = 15e3;
const SLACK_MS = 1e4;
const HELD_MS = 250;
const PAUSE_MS = 500;
var PollCarrier = class extends Carrier {
  constructor(..._args) {
    super(..._args);
    this.transport = "poll";
    this.#posting = false;
    this.#fenced = false;
    this.#exchanges = /* @__PURE__ */ new Set();
  }
  #posting;
  /** Which poll is outstanding. What an earlier one brings comes again. */
  #poll;
  /** Someone takes over: no POST is begun any more, and this is called once none is outstanding. */
  #quiet;
  /** It was called: no poll is begun any more either. */
  #fenced;
  #exchanges;
  K() {
    this.#run(async () => this.A(await this.#get({ "handshake?": "1" }, POST_TIMEOUT_MS)));
  }
  L(text) {
    this.#run(async () => this.A(await this.#post(text)));
  }
  I() {
    this.#startPoll();
  }
  F(text) {
    const can = this.#mayPost();
    if (can) this.#deliver(text, []);
    return can;
  }
  /** Stops posting, and says when hello may be said on a WebSocket. */
  W(quiet) {
    this.#quiet = quiet;
    this.#ceded();
  }
  /** Nobody took over after all. */
  X() {
    this.#fenced = false;
    this.#quiet = void 0;
    this.#startPoll();
    this.y();
  }
  #ceded() {
    if (!this.#quiet || this.#fenced || this.#posting) return;
    this.#fenced = true;
    this.#poll = void 0;
    this.#quiet();
  }
  #startPoll() {
    if (this.#poll || this.#fenced) return;
    const poll = {};
    this.#poll = poll;
    this.#run(() => this.#pollOnce(poll));
  }
  async #pollOnce(poll) {
    const { f: environment } = this.host;
    const polledAt = environment.now();
    const ack = this.t?.session === void 0 ? {} : { ack: String(this.host.w()) };
    const packets = await this.#get(ack, this.#holdMs()).catch((error) => {
      if (this.#poll === poll) throw error;
      return [];
    });
    if (this.#poll !== poll) return;
    this.#poll = void 0;
    this.A(packets);
    if (this.u) return;
    const next = () => this.#startPoll();
    if (environment.now() - polledAt < HELD_MS && !packets.some(carriesSomething)) this.z(PAUSE_MS, next);
    else next();
  }
  y() {
    while (this.#mayPost()) {
      const parcels = this.#batch();
      if (parcels.length === 0) return;
      const messages = parcels.map(({ text }) => text);
      this.#deliver(this.host.codec.binary ? new Blob(messages) : messages.join("\n"), parcels);
    }
  }
  #mayPost() {
    return this.t !== void 0 && !this.u && !this.#quiet && !this.#posting;
  }
  /** In order, as many as the server takes at once, and at least one. Sente takes one. */
  #batch() {
    const parcels = [];
    let room = this.t?.session && this.t?.["max-message"] / 3 || 0;
    for (let next = this.host.o(); next; next = this.host.o(room)) {
      parcels.push(next);
      room -= next.text.length + 1;
    }
    return parcels;
  }
  #deliver(body, parcels) {
    const asked = this.t?.session === void 0 && parcels.find((parcel) => parcel.i);
    if (!asked) this.#posting = true;
    this.#run(async () => {
      const packets = await this.#send(body, parcels);
      if (asked) this.host.h(asked.a, senteReply(packets[0]?.payload));
      else {
        this.#posting = false;
        this.A(packets);
        this.#ceded();
      }
      this.y();
    });
  }
  async #send(body, parcels) {
    try {
      if (this.t?.session !== void 0) return await this.#post(body);
      const [query, form] = typeof body === "string" ? [{}, new URLSearchParams({ ppstr: body })] : [{ "binary?": "true" }, body];
      return await this.#exchange(query, this.#holdMs(), form);
    } catch (error) {
      const { httpStatus } = error;
      if (httpStatus !== 400 && httpStatus !== 413) throw error;
      this.host.Y(parcels, httpStatus);
      return [];
    }
  }
  #holdMs() {
    return (this.t?.["poll-ms"] ?? 0) + SLACK_MS;
  }
  #get(query, timeoutMs) {
    return this.#exchange({
      ...query,
      udt: String(this.host.f.now())
    }, timeoutMs);
  }
  #post(body) {
    return this.#exchange({}, POST_TIMEOUT_MS, body, { "Content-Type": this.host.codec.contentType });
  }
  async #exchange(query, timeoutMs, body, own) {
    const { host } = this;
    const session = this.t?.session;
    const headers = {
      ...host.headers(),
      "X-Requested-With": "XMLHttpRequest",
      ...own
    };
    if (session !== void 0) headers["Tsugi-Session"] = session;
    const abort = new AbortController();
    const timer = host.f.m(timeoutMs, () => abort.abort());
    this.#exchanges.add(abort);
    const method = body ? "POST" : "GET";
    let response;
    let content;
    try {
      const init = {
        method,
        body,
        headers,
        cache: "no-store",
        signal: abort.signal
      };
      response = await host.f.fetch(host.url("poll", query), init);
      content = await (response.status === 200 && host.codec.binary ? response.arrayBuffer() : response.text());
    } catch (error) {
      throw {
        reason: abort.signal.aborted ? "timeout" : "network",
        message: String(error)
      };
    } finally {
      host.f.cancel(timer);
      this.#exchanges.delete(abort);
    }
    if (response.status !== 200) throw lossOf(response, content);
    return host.codec.decode(content);
  }
  /** Every failure of an exchange ends here, so that none is left to the global handler. */
  #run(work) {
    work().catch((error) => {
      if (error instanceof Error) this.c("bad-frame", error);
      else this.d(error);
    });
  }
  J() {
    for (const abort of this.#exchanges) abort.abort();
  }
};
function carriesSomething({ payload, slot }) {
  return slot !== null || Array.isArray(payload) && payload.length > 0;
}
function senteReply(payload) {
  if (typeof payload !== "string" || !payload.startsWith("chsk/")) return payload;
  return ["chsk/error", { code: payload === "chsk/timeout" ? "timeout" : "failed" }];
}
const PING_SLOT = 0;
const NO_PONG = 3001;
const MAX_BUFFERED = 1024 * 1024;
const PACE_MS = 50;
var WebSocketCarrier = class extends Carrier {
  constructor(..._args) {
    super(..._args);
    this.transport = "ws";
    this.#heardAt = 0;
    this.#asked = false;
  }
  #socket;
  #heardAt;
  #pacer;
  /** A ping waits for its answer. */
  #asked;
  K(handshakeTimeoutMs) {
    this.#expect(handshakeTimeoutMs);
    const WebSocket = this.host.f.WebSocket;
    try {
      this.#listen(new WebSocket(this.host.url("ws", {})));
    } catch (error) {
      this.#failSoon(error);
    }
  }
  L(text, timeoutMs) {
    this.#expect(timeoutMs);
    this.#write(text);
  }
  #expect(timeoutMs) {
    this.z(timeoutMs, () => this.c("timeout", `no ${this.x} in time`));
  }
  I() {
    this.#heardAt = this.host.f.now();
    this.#watch();
  }
  y() {
    const { f: environment } = this.host;
    environment.cancel(this.#pacer);
    while (!this.u && !this.#isFull()) {
      const parcel = this.host.o();
      if (!parcel) return;
      this.#write(parcel.text);
    }
    if (!this.u) this.#pacer = environment.m(PACE_MS, () => this.y());
  }
  F(text) {
    const can = !this.#isFull();
    if (can) this.#write(text);
    return can;
  }
  #isFull() {
    return (this.#socket?.bufferedAmount ?? 0) > MAX_BUFFERED;
  }
  /** Asks whether anyone is there, without waiting for silence. */
  M() {
    const { t: terms } = this;
    if (!terms || this.u || this.#asked) return;
    this.#asked = true;
    const slot = this.t?.session === void 0 ? "000000" : PING_SLOT;
    this.z(terms["ping-timeout-ms"], () => {
      if (!this.#asked) this.#watch();
      else this.d({
        reason: "timeout",
        code: NO_PONG,
        message: "no answer to a ping"
      }, NO_PONG);
    });
    this.#write(this.host.codec.encode({
      id: "chsk/ws-ping",
      data: void 0,
      slot
    }));
  }
  #listen(socket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => this.#message(event.data);
    socket.onerror = () => {
    };
    socket.onclose = ({ code, reason }) => {
      this.c(code === 1006 ? "network" : "server", reason, code);
    };
  }
  #message(data) {
    this.#heardAt = this.host.f.now();
    this.#asked = false;
    try {
      this.A(this.host.codec.decode(data));
    } catch (error) {
      this.c("bad-frame", error);
    }
  }
  /** Waits until nothing was heard for so long, then pings. */
  #watch() {
    const { "ping-ms": pingMs } = this.t;
    const leftMs = this.#heardAt + pingMs - this.host.f.now();
    if (leftMs > 0) this.z(leftMs, () => this.#watch());
    else this.M();
  }
  #write(text) {
    if (this.u) return;
    try {
      this.#socket?.send(text);
    } catch (error) {
      this.#failSoon(error);
    }
  }
  /** Nobody expects a loss while they write. */
  #failSoon(error) {
    this.z(0, () => this.c("network", error));
  }
  J(code, reason) {
    this.host.f.cancel(this.#pacer);
    try {
      this.#socket?.close(code, reason);
    } catch {
      this.#socket?.close();
    }
  }
};
function refuse(id, code, why) {
  throw new SendError(code, `${id}: ${why}`);
}
function write(codec, packet, maxBytes) {
  const { id } = packet;
  if (!/^(?!chsk\/)[^/]+\/.+/.test(id)) refuse(id, "bad-event", 'not "namespace/name", or reserved');
  let text = "";
  try {
    text = codec.encode(packet);
  } catch (error) {
    refuse(id, "bad-event", error);
  }
  if (!fits(text, maxBytes)) refuse(id, "too-large", `the server accepts ${maxBytes} bytes`);
  return text;
}
function fits(text, maxBytes) {
  return text.length * 3 <= maxBytes || new Blob([text]).size <= maxBytes;
}
const GOOD_MS = 5e3;
const MAX_VIOLATIONS = 3;
const WAKE_MS = 250;
const MAX_LENGTH = 16 * 1024 * 1024;
var Connection = class {
  #config;
  #events;
  #path;
  /** What events travel on. */
  #live;
  /** What is being opened: instead of a live carrier, or, while polling, to take over from it. */
  #candidate;
  /** What the handshake said, without which nothing opens. */
  #user;
  #terms;
  #ledger;
  #outbox;
  #token;
  #attempts = 0;
  #violations = 0;
  #openedAt = 0;
  /** Tells an attempt whose token came too late that it is over. */
  #epoch = 0;
  #retryTimer;
  #climbTimer;
  #over = false;
  #unwatch;
  constructor(config, environment, events) {
    this.#config = config;
    this.f = environment;
    this.codec = config.codec;
    this.#events = events;
    this.#terms = config.s;
    this.#outbox = config.outbox(this);
    this.#ledger = new Ledger(environment, () => this.#sayArrived());
    this.#path = new Path(config.transports, environment.WebSocket !== void 0);
    this.state = this.#connecting(this.#path.G() ?? "ws");
    this.#unwatch = environment.Z((what) => this.#wake(what));
    this.#connect();
  }
  get outbox() {
    return Array.from(this.#outbox.items.values(), ({ g: delivery }) => delivery);
  }
  send(id, data, options) {
    return this.#add(id, data, false, options);
  }
  async request(id, data, options) {
    if (options.signal?.aborted) throw new RequestError("aborted");
    const { error, reply } = await this.#add(id, data, true, options).settled;
    if (error) throw error;
    return reply;
  }
  reconnect() {
    if (this.#over) throw new SendError("disconnected", "close() was called");
    this.#drop();
    this.#attempts = 0;
    this.#violations = 0;
    this.#path.D();
    this.#path.H();
    this.#connect();
  }
  close(code, reason) {
    if (this.#over) return;
    this.#over = true;
    this.#unwatch();
    this.#drop(reason, code);
    this.#end({
      reason: "closed",
      code,
      message: reason || void 0
    });
  }
  /** Sends what may be sent by now. */
  _() {
    this.#live?.y();
  }
  url(transport, query) {
    return this.#config.url(transport, query, this.#token);
  }
  headers() {
    const { headers } = this.#config;
    return this.#token === void 0 ? headers : {
      ...headers,
      "X-CSRF-Token": this.#token
    };
  }
  w() {
    return this.#ledger.w();
  }
  o(room) {
    const parcel = this.#outbox.o(room);
    if (!parcel) return void 0;
    const { a: number, text, i: wantsReply, g: delivery } = parcel;
    if (!fits(text, this.#terms["max-message"])) {
      this.#outbox.c(number, "too-large");
      return this.o(room);
    }
    if (this.#terms.session !== void 0) return parcel;
    if (!wantsReply) this.#outbox.d(number, "sent");
    const slot = wantsReply ? this.#live?.transport === "poll" ? "ajax" : number.toString(16).padStart(6, "0") : null;
    return {
      ...parcel,
      text: this.codec.encode({
        ...delivery,
        slot
      })
    };
  }
  h(slot, reply) {
    this.#outbox.h(Number(typeof slot === "string" ? `0x${slot}` : slot), reply);
  }
  Y(parcels, httpStatus) {
    const code = httpStatus === 413 ? "too-large" : "bad-event";
    for (const { a: number } of parcels) this.#outbox.c(number, code);
  }
  U(carrier, loss) {
    if (carrier === this.#live) this.#liveLost(carrier, loss);
    else this.#candidateLost(carrier, loss);
  }
  #connect() {
    const transport = this.#path.G();
    if (!transport) return this.#end({ reason: "no-transport" });
    if (this.#change(this.#connecting(transport))) this.#withToken(() => this.#open(transport));
  }
  #connecting(transport) {
    return {
      status: "connecting",
      transport,
      attempt: this.#attempts,
      offline: this.f.offline()
    };
  }
  /** Opens in the same turn when the token is at hand: a page's first connection should not wait. */
  #withToken(then) {
    this.#epoch += 1;
    const epoch = this.#epoch;
    const proceed = (token) => {
      if (epoch !== this.#epoch) return;
      this.#token = token;
      then();
    };
    const failed = (error) => {
      if (epoch !== this.#epoch) return;
      if (this.#live) this.#planClimb();
      else this.#retry({
        reason: "token",
        message: String(error)
      });
    };
    try {
      const token = this.#config.csrfToken();
      if (token instanceof Promise) token.then(proceed, failed);
      else proceed(token);
    } catch (error) {
      failed(error);
    }
  }
  #open(transport) {
    this.#candidate = transport === "ws" ? new WebSocketCarrier(this) : new PollCarrier(this);
    this.#candidate.K(this.#config.handshakeTimeoutMs);
  }
  V(carrier, packet) {
    if (carrier.x === "handshake") return this.#handshake(carrier, packet.payload);
    if (carrier.x === "welcome") return this.#welcome(carrier, packet.payload);
    if (packet.slot === null) return this.#message(carrier, packet.payload);
    if (this.#isNews(carrier)) this.h(packet.slot, packet.payload);
    return true;
  }
  /** @returns whether the next item of this carrier is one that the application has not seen. */
  #isNews(carrier) {
    return !carrier.next || this.#ledger.O(carrier.next++, this.#terms["ack-items"], this.#terms["ack-ms"]);
  }
  /** Tells the server what arrived, where a poll does not do it anyway. */
  #sayArrived() {
    const data = this.w();
    if (this.#live?.transport === "ws") this.#say("chsk/ack", data);
  }
  #say(id, data) {
    this.#live?.F(this.codec.encode({
      id,
      data,
      slot: null
    }));
  }
  #handshake(carrier, payload) {
    const handshake = readHandshake(payload, this.#config.s);
    if (!handshake) return false;
    const { user, data, t: terms } = handshake;
    this.#user = {
      user,
      data
    };
    if (![void 0, user].includes(this.#outbox.user)) {
      this.#outbox.p("other-user");
      this.#outbox = this.#config.outbox(this, user);
    }
    this.#outbox.user = user;
    if (!terms) this.#adopt(carrier, this.#config.s, false);
    else this.#sayHello(carrier, terms);
    return true;
  }
  #sayHello(carrier, terms) {
    const { session } = this.#terms;
    this.#terms = {
      ...terms,
      session
    };
    const csrf = carrier.transport === "ws" ? this.#token : void 0;
    carrier.x = "welcome";
    const say = () => {
      if (carrier !== this.#candidate) return;
      this.#outbox.k += 1;
      const { name: outbox, sent, k: attempt } = this.#outbox;
      const data = {
        session,
        received: this.#ledger.received,
        csrf,
        outbox,
        sent,
        attempt
      };
      const text = this.codec.encode({
        id: "chsk/hello",
        data,
        slot: null
      });
      carrier.L(text, this.#config.handshakeTimeoutMs);
    };
    this.#outbox.l(() => {
      if (this.#live instanceof PollCarrier) this.#live.W(say);
      else say();
    });
  }
  #welcome(carrier, payload) {
    const welcome = readWelcome(payload);
    if (!welcome) return false;
    const { session, resumed, next, why, taken, handled } = welcome;
    if (!resumed) this.#skipTo(1, why);
    this.#countFrom(carrier, next);
    this.#outbox.n(taken, handled);
    this.#adopt(carrier, {
      ...this.#terms,
      session
    }, resumed);
    return true;
  }
  /** What lies between what arrived and the next item was too much for the server to keep. */
  #countFrom(carrier, next) {
    carrier.next = next;
    if (next > this.#ledger.received + 1) this.#skipTo(next, "overflow", next - 1);
  }
  #skipTo(next, why, to) {
    const from = this.#ledger.received + 1;
    this.#ledger.P(next);
    if (why) this.#events.B(GAP, {
      from,
      to,
      why
    });
  }
  /** The server has taken this carrier: from now on events travel on it. */
  #adopt(carrier, terms, resumed) {
    if (carrier !== this.#candidate) return;
    this.#live?.close();
    this.#noteGood();
    this.#openedAt = this.f.now();
    this.#live = carrier;
    this.#candidate = void 0;
    this.#terms = terms;
    carrier.x = "open";
    const { transport } = carrier;
    if (transport === "ws") this.#path.v = "fine";
    carrier.T(terms);
    this.#change({
      status: "open",
      transport,
      ...this.#user,
      resumed,
      why: this.#path.v
    });
    if (carrier === this.#live) this.#planClimb();
  }
  #message(carrier, payload) {
    if (typeof payload === "string") return this.#control(carrier, payload, void 0);
    if (!Array.isArray(payload)) return false;
    if (typeof payload[0] === "string") return this.#control(carrier, payload[0], payload[1]);
    this.#events.N(payload.filter(() => this.#isNews(carrier)));
    return true;
  }
  #control(carrier, id, data) {
    if (id === "chsk/ws-ping") this.#say("chsk/ws-pong", void 0);
    else if (id === "chsk/from") this.#countFrom(carrier, count(data));
    else if (id === "chsk/retry") carrier.E = Math.min(count(data), MAX_RETRY_AFTER_MS);
    else if (id === "chsk/close") this.#closedByServer(carrier, data);
    else if (id === "chsk/handshake") carrier.c("session-gone");
    else return id.startsWith("chsk/");
    return true;
  }
  #closedByServer(carrier, data) {
    const { code, reason } = Object(data);
    carrier.c("server", reason, count(code) || 1e3);
  }
  /** Two carriers of one client are two clients to plain Sente: events would come twice. */
  #mayClimb() {
    return this.#live?.transport === "poll" && !this.#candidate && this.#terms.session !== void 0 && this.#path.C("ws");
  }
  #planClimb() {
    this.f.cancel(this.#climbTimer);
    const ms = this.#mayClimb() ? this.#path.R(this.f.random()) : void 0;
    if (ms) this.#climbTimer = this.f.m(ms, () => this.#climb());
  }
  #climb() {
    if (this.#mayClimb()) this.#withToken(() => this.#mayClimb() && this.#open("ws"));
  }
  #candidateLost(carrier, loss) {
    this.#candidate = void 0;
    const verdict = loss.reason === "timeout" ? "mute" : "refused";
    const spoke = carrier.x !== "handshake";
    if (this.#live) this.#climbLost(verdict);
    else if (carrier.transport === "ws" && !spoke && this.#path.C("poll") && !isFinal(loss)) {
      this.#path.v = verdict;
      if (this.#change(this.#connecting("poll"))) this.#open("poll");
    } else {
      if (carrier.transport === "poll") this.#path.H();
      this.#failed(loss);
    }
  }
  #climbLost(verdict) {
    this.#path.S(verdict);
    this.#live.X();
    this.#planClimb();
  }
  #liveLost(carrier, loss) {
    if (carrier.transport === "ws" && !this.#isGood()) this.#path.Q();
    this.#noteGood();
    this.#drop();
    if (carrier.E > 0 && !isFinal(loss)) this.#wait(carrier.E, {
      ...loss,
      reason: "busy"
    });
    else this.#failed(loss);
  }
  #isGood() {
    return this.f.now() - this.#openedAt >= GOOD_MS;
  }
  #noteGood() {
    if (this.state.status !== "open" || !this.#isGood()) return;
    this.#attempts = 0;
    this.#violations = 0;
    if (this.state.transport === "ws") this.#path.D();
  }
  #failed(loss) {
    if (isViolation(loss)) this.#violations += 1;
    if (isFinal(loss) || this.#violations >= MAX_VIOLATIONS) this.#end(loss);
    else this.#retry(loss);
  }
  #retry(loss) {
    const { f: environment } = this;
    const waitMs = environment.offline() || environment.$() ? CAP_MS : backoff(this.#attempts, environment.random());
    const { retryAfterMs = 0, ...why } = loss;
    this.#attempts += 1;
    this.#wait(waitMs + retryAfterMs, why);
  }
  #wait(retryInMs, why) {
    const { f: environment } = this;
    environment.cancel(this.#retryTimer);
    this.#retryTimer = environment.m(retryInMs, () => this.#connect());
    const retryAt = environment.now() + retryInMs;
    const offline = environment.offline();
    this.#change({
      ...why,
      status: "waiting",
      retryAt,
      retryInMs,
      attempt: this.#attempts,
      offline
    });
  }
  #end(loss) {
    const reason = loss.code === 3500 ? "replaced" : loss.reason;
    this.#drop();
    this.#change({
      ...loss,
      status: "closed",
      reason
    });
    this.#outbox.p("closed");
  }
  /** Lets go of everything that could connect or carry. The session may be resumed. */
  #drop(reason, code) {
    this.#epoch += 1;
    this.f.cancel(this.#retryTimer);
    this.f.cancel(this.#climbTimer);
    this.w();
    const live = this.#live;
    this.#candidate?.close(code, reason);
    live?.close(code, reason);
    this.#live = void 0;
    this.#candidate = void 0;
    if (live && this.#terms.session === void 0) this.#outbox.p("disconnected", "sent");
  }
  #wake(what) {
    if (what === "online") this.#path.D();
    const { state } = this;
    const live = this.#live;
    if (state.status === "waiting") {
      if (what === "offline") this.#change({
        ...state,
        offline: true
      });
      else if (state.reason !== "busy") this.#wait(Math.round(this.f.random() * WAKE_MS), state);
    } else if (live instanceof WebSocketCarrier) live.M();
    else if (what === "online") this.#climb();
  }
  #add(id, data, wantsReply, { timeoutMs, signal, volatile }) {
    const live = this.#live;
    const outbox = this.#outbox;
    const { status } = this.state;
    const { maxQueue, r: refuses, requestTimeoutMs, sendTimeoutMs } = this.#config;
    if (!live && (refuses || status === "closed")) refuse(id, "disconnected", `no connection (${status})`);
    const number = outbox.e + 1;
    const slot = volatile ? null : wantsReply ? number : -number;
    const text = write(this.codec, {
      id,
      data,
      slot
    }, this.#terms["max-message"]);
    if (outbox.items.size >= maxQueue || outbox.length > MAX_LENGTH) refuse(id, "queue-full", "too much waits");
    const ms = timeoutMs ?? outbox.ba?.(id, wantsReply) ?? (wantsReply ? requestTimeoutMs : sendTimeoutMs);
    const delivery = outbox.add(id, data, text, wantsReply, ms, signal);
    if (!volatile) this._();
    else if (live?.F(text)) outbox.d(number, "sent");
    else outbox.c(number, "dropped");
    return delivery;
  }
  /** @returns whether it is still so when all have been told: a handler may have closed or reconnected. */
  #change(now) {
    const before = this.state;
    this.state = now;
    this.#events.B(STATE, now, before);
    return this.state === now;
  }
};
function browserOrNode(options) {
  const { document, navigator, location } = globalThis;
  return {
    now: () => Date.now(),
    m: (ms, callback) => setTimeout(callback, ms),
    cancel: (timer) => clearTimeout(timer),
    random: options.random ?? Math.random,
    fetch: options.fetch ?? ((url, init) => fetch(url, {
      credentials: options.credentials,
      ...init
    })),
    WebSocket: options.WebSocket ?? globalThis.WebSocket,
    q: location?.href,
    $: () => document?.visibilityState === "hidden",
    offline: () => navigator?.onLine === false,
    Z: watch,
    aa: report
  };
}
function watch(changed) {
  const stop = new AbortController();
  const { signal } = stop;
  const { document, addEventListener } = globalThis;
  for (const what of ["online", "offline"]) addEventListener?.(what, () => changed(what), { signal });
  const seen = () => document?.visibilityState === "visible" && changed("visible");
  document?.addEventListener("visibilitychange", seen, { signal });
  return () => stop.abort();
}
function report(error) {
  (globalThis.reportError ?? console.error)(error);
}
function connect(url = "/chsk", options = {}) {
  return connectIn(browserOrNode(options), url, options);
}
function connectIn(environment, url, options) {
  const events = new Events((error) => environment.aa(error));
  const config = configure(url, options, environment);
  const connection = new Connection(config, environment, events);
  return {
    get state() {
      return connection.state;
    },
    clientId: config.clientId,
    on: (id, handler) => events.on(id, handler),
    onAny: (handler) => events.on(ANY, handler),
    onState: (handler) => events.on(STATE, handler),
    onGap: (handler) => events.on(GAP, handler),
    get outbox() {
      return connection.outbox;
    },
    send: (id, data, sendOptions = {}) => connection.send(id, data, sendOptions),
    request: (id, data, requestOptions = {}) => connection.request(id, data, requestOptions),
    ready: () => ready(connection, events),
    reconnect: () => connection.reconnect(),
    close: (code = 1e3, reason = "") => connection.close(code, reason)
  };
}
function ready(connection, events) {
  return new Promise((resolve, reject) => {
    const look = () => {
      const { state } = connection;
      if (state.status === "open") resolve();
      else if (state.status === "closed") reject(new ConnectError(state));
      else return;
      off();
    };
    const off = events.on(STATE, look);
    look();
  });
}
export { ConnectError, RequestError, SendError, connect, json };
