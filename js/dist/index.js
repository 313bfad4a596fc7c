function json() {
  return {
    name: "json",
    contentType: "application/json",
    encode: ({ id, data, slot }) => text([data === void 0 ? [id] : [id, data], slot]),
    decode: (lines) => String(lines).split("\n").filter((line) => line.trim()).map(packet)
  };
}
function text(packet2) {
  try {
    return JSON.stringify(packet2);
  } catch {
    return JSON.stringify(packet2, (_, value) => typeof value === "bigint" ? String(value) : value);
  }
}
function packet(line) {
  const value = JSON.parse(line);
  if (!Array.isArray(value) || value.length < 1) throw new SyntaxError("not a packet");
  return {
    payload: value[0],
    slot: value[1] ?? null
  };
}
function resolveUrl(url, { protocol, host, port }, page) {
  const resolved = parse(url, page?.startsWith("http") ? page : host && "http://localhost");
  resolved.protocol = (protocol ?? resolved.protocol).replace(/^ws/, "http");
  if (host) resolved.host = /^[^[]*:.*:/.test(host) ? `[${host}]` : host;
  if (port !== void 0) {
    if (!/^\d{0,5}$/.test(String(port)) || Number(port) > 65535) throw new TypeError(`tsugi: ${port} is no port`);
    resolved.port = String(port);
  }
  resolved.hash = "";
  return resolved;
}
function webSocketUrl(http) {
  return new URL(http.href.replace(/^http/, "ws"));
}
function withQuery(url, query) {
  const full = new URL(url);
  for (const [name, value] of Object.entries(query)) full.searchParams.append(name, value);
  return full.href;
}
function parse(url, base) {
  try {
    const parsed = new URL(url, base);
    if (/^(http|ws)s?:$/.test(parsed.protocol)) return parsed;
  } catch {
  }
  throw new TypeError(`tsugi: ${url} is no URL of a server, nor completed by a page`);
}
const SENTE = {
  session: void 0,
  "ping-ms": 1e4,
  "ping-timeout-ms": 5e3,
  "poll-ms": 5e4,
  "ack-items": 64,
  "ack-ms": 5e3,
  "max-message": Number.POSITIVE_INFINITY
};
function configure(url, options, environment) {
  const { codec = json(), clientId = randomId(), wire = "tsugi", csrfToken, params } = options;
  const http = resolveUrl(url, options, environment.F);
  const ws = webSocketUrl(http);
  const asking = wire === "tsugi" ? {
    tsugi: "1",
    codec: codec.name
  } : void 0;
  return {
    codec,
    clientId,
    transports: options.transports ?? ["ws", "poll"],
    requestTimeoutMs: options.requestTimeoutMs ?? 1e4,
    sendTimeoutMs: options.sendTimeoutMs ?? 3e5,
    G: options.whileDown === "refuse",
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? 3e3,
    maxQueue: options.maxQueue ?? 1e3,
    headers: options.headers ?? {},
    q: SENTE,
    csrfToken: typeof csrfToken === "function" ? csrfToken : () => csrfToken,
    url: (transport, query, token) => {
      const csrf = transport === "ws" && wire === "sente" && token !== void 0 ? { "csrf-token": token } : void 0;
      const all = {
        ...params,
        "client-id": clientId,
        ...asking,
        ...csrf,
        ...query
      };
      return withQuery(transport === "ws" ? ws : http, all);
    }
  };
}
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
const CAP_MS = 2e4;
const BASE_MS = 500;
const LEAST_MS = 100;
function backoff(attempt, random) {
  const bound = Math.min(CAP_MS, BASE_MS * 2 ** attempt);
  return Math.max(LEAST_MS, Math.round(random * bound));
}
var RequestError = class extends Error {
  code;
  /** What the server said besides; `undefined` when the failure is the client's own. */
  data;
  constructor(code, message = code, data) {
    super(message);
    this.name = "RequestError";
    this.code = code;
    this.data = data;
  }
};
var SendError = class extends RequestError {
  constructor(code, message) {
    super(code, message);
    this.name = "SendError";
  }
};
var ConnectError = class extends Error {
  state;
  constructor(state) {
    super(state.message ?? state.reason);
    this.name = "ConnectError";
    this.state = state;
  }
};
function failureIn(reply) {
  if (!Array.isArray(reply) || reply[0] !== "chsk/error") return void 0;
  const { code, message, data } = Object(reply[1]);
  return new RequestError(typeof code === "string" ? code : "failed", typeof message === "string" ? message : void 0, data);
}
const ANY = "chsk/any";
const GAP = "chsk/gap";
const STATE = "chsk/state";
var Events = class {
  #handlers = /* @__PURE__ */ new Map();
  #report;
  constructor(report2) {
    this.#report = report2;
  }
  /** Adding a function twice is two subscriptions, each with its own end. */
  on(id, handler) {
    const handlers = this.#handlers.get(id) ?? /* @__PURE__ */ new Set();
    this.#handlers.set(id, handlers);
    const own = (...what) => handler(...what);
    handlers.add(own);
    return () => {
      handlers.delete(own);
    };
  }
  o(id, ...what) {
    for (const handler of [...this.#handlers.get(id) ?? []]) try {
      const result = handler(...what);
      if (result instanceof Promise) result.catch((error) => this.#report(error));
    } catch (error) {
      this.#report(error);
    }
  }
  /** Events of one batch, one after another; what is no event is reported and passed over. */
  H(events) {
    for (const event of events) if (Array.isArray(event) && typeof event[0] === "string") {
      this.o(event[0], event[1]);
      this.o(ANY, event[0], event[1]);
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
    I: terms
  };
}
function readWelcome(payload) {
  if (!Array.isArray(payload) || payload[0] !== "chsk/welcome") return void 0;
  const { session, outcome, next, why, taken, handled } = Object(payload[1]);
  if (typeof session !== "string") return void 0;
  const counts = {
    next: count(next),
    taken: count(taken),
    handled: count(handled)
  };
  return {
    session,
    resumed: outcome === "resumed",
    why,
    ...counts
  };
}
function count(value) {
  return Number(value ?? 0) || 0;
}
var Ledger = class {
  /** The last item that arrived. */
  received = 0;
  #acknowledged = 0;
  #late;
  #environment;
  #tell;
  constructor(environment, tell) {
    this.#environment = environment;
    this.#tell = tell;
  }
  /**
  * Takes note of an item.
  * @returns whether it is news, and did not come before on another carrier.
  */
  J(number, items, ms) {
    if (number <= this.received) return false;
    this.received = number;
    if (number - this.#acknowledged >= items) this.#tell();
    else this.#late ??= this.#environment.g(ms, this.#tell);
    return true;
  }
  /** The server is told now: how far it is. */
  j() {
    this.#environment.cancel(this.#late);
    this.#late = void 0;
    this.#acknowledged = this.received;
    return this.received;
  }
  /** Another session begins, or what lies before an item will not come. */
  w(next) {
    this.received = next - 1;
    this.j();
  }
};
var Outbox = class {
  /** By this the server knows it; a secret. */
  name;
  /** The last item that any server may have. */
  sent = 0;
  /** The last number that was given. */
  r = 0;
  /** Characters or bytes under way. */
  length = 0;
  items = /* @__PURE__ */ new Map();
  /** Those of them that the carrier has yet to take. */
  #due = [];
  #environment;
  constructor(name, environment) {
    this.name = name;
    this.#environment = environment;
  }
  get K() {
    return Array.from(this.items.values(), (item) => item.p);
  }
  add(id, data, text2, wantsReply, ms, signal) {
    this.r += 1;
    const number = this.r;
    const late = () => this.b(number, "timeout", `not done within ${ms} ms`);
    const aborted = () => this.b(number, "aborted");
    const timer = this.#environment.g(ms, late);
    signal?.addEventListener("abort", aborted);
    const cancel = () => delivery.state === "waiting" && this.b(number, "aborted");
    let resolve;
    const delivery = {
      id,
      data,
      state: "waiting",
      settled: new Promise((settle2) => {
        resolve = settle2;
      }),
      cancel
    };
    const settle = () => {
      this.items.delete(number);
      this.length -= text2.length;
      this.#environment.cancel(timer);
      signal?.removeEventListener("abort", aborted);
      resolve(delivery);
    };
    const item = {
      e: number,
      text: text2,
      s: wantsReply,
      p: delivery,
      k: settle
    };
    this.items.set(number, item);
    this.#due.push(item);
    this.length += text2.length;
    return delivery;
  }
  /** A carrier begins, to a server that has taken and handled so much: what it has not taken goes out again. */
  L(taken, handled) {
    this.handled(handled);
    this.#due = [...this.items.values()].filter(({ e: number }) => number > taken);
  }
  /** The next for the carrier, if it is no larger than this. */
  l(room = Number.POSITIVE_INFINITY) {
    for (let item = this.#due[0]; item; item = this.#due[0]) {
      if (this.items.has(item.e)) {
        if (item.text.length > room) return void 0;
        this.#due.shift();
        item.p.state = "sent";
        this.sent = Math.max(this.sent, item.e);
        return item;
      }
      this.#due.shift();
    }
  }
  /** A reply that nobody waits for came too late, or twice. */
  k(number, reply) {
    const failure = failureIn(reply);
    if (failure) this.d(number, "failed", { error: failure });
    else this.d(number, "handled", { reply });
  }
  /** The server has handled everything up to this; the replies among it come by themselves. */
  handled(upTo) {
    for (const { e: number, s: wantsReply } of [...this.items.values()]) {
      if (number > upTo) return;
      if (!wantsReply) this.d(number, "handled");
    }
  }
  b(number, code, message) {
    return this.d(number, "failed", { error: new RequestError(code, message) });
  }
  /** Fails everything, or what was sent. */
  t(code, state) {
    for (const { e: number, p: delivery } of [...this.items.values()]) if (!state || delivery.state === state) this.b(number, code);
  }
  /** @returns whether it was still under way. */
  d(number, state, outcome) {
    const item = this.items.get(number);
    if (!item) return false;
    Object.assign(item.p, outcome, { state });
    item.k();
    return true;
  }
};
const CLIMB_MS = 3e4;
const CLIMB_CAP_MS = 3e5;
const YOUNG_DEATHS = 3;
var Path = class {
  /** What is known of WebSockets. Set by whoever learns more. */
  f = "fine";
  #allowed;
  #failedClimbs = 0;
  #youngDeaths = 0;
  constructor(allowed, webSocketExists) {
    this.#allowed = webSocketExists ? allowed : allowed.filter((transport) => transport !== "ws");
    if (!this.#allowed.includes("ws")) this.f = "unavailable";
  }
  /** What an attempt begins with. */
  x() {
    return this.f === "fine" || !this.m("poll") ? this.#allowed[0] : "poll";
  }
  m(transport) {
    return this.#allowed.includes(transport);
  }
  /** An open WebSocket was lost. */
  M(young) {
    this.#youngDeaths = young ? this.#youngDeaths + 1 : 0;
    if (this.#youngDeaths >= YOUNG_DEATHS && this.m("poll")) this.f = "unstable";
  }
  /** Polling failed too: that says more of the network than of WebSockets, so begin with one again. */
  y() {
    this.#youngDeaths = 0;
    if (this.m("ws")) this.f = "fine";
  }
  /** While polling: how long until the next WebSocket is tried; `undefined` for never. */
  N(random) {
    if (!this.m("ws") || this.#allowed[0] === "poll") return void 0;
    const base = Math.min(CLIMB_CAP_MS, CLIMB_MS * 2 ** this.#failedClimbs);
    return Math.round(base * (0.75 + 0.5 * random));
  }
  O(verdict) {
    this.#failedClimbs += 1;
    this.f = verdict;
  }
  /** A WebSocket was open long enough to be trusted, or the network is another one: what was learnt may be wrong. */
  u() {
    this.#failedClimbs = 0;
    this.#youngDeaths = 0;
  }
};
var Carrier = class {
  /** What the server has yet to say. */
  n = "handshake";
  /** The number of the next item that it brings; 0 where nothing is counted. */
  next = 0;
  c = false;
  host;
  #watchdog;
  constructor(host) {
    this.host = host;
  }
  /** Ends it without a word to the host. */
  close(code = 1e3, reason = "") {
    if (this.c) return;
    this.c = true;
    this.h(void 0);
    this.z(code, reason);
  }
  b(reason, message, code) {
    this.d({
      reason,
      message: message === void 0 ? message : String(message),
      code
    });
  }
  d(loss, closeCode) {
    if (this.c) return;
    this.close(closeCode);
    this.host.P(this, loss);
  }
  /** One timer per carrier: each use replaces the one before. */
  h(ms, late) {
    this.host.a.cancel(this.#watchdog);
    this.#watchdog = ms === void 0 || !late ? void 0 : this.host.a.g(ms, late);
  }
  /** @returns `undefined` after a failure. */
  decode(message) {
    try {
      return this.host.codec.decode(message);
    } catch (error) {
      this.b("bad-frame", error);
      return;
    }
  }
};
const POST_TIMEOUT_MS = 15e3;
const SLACK_MS = 1e4;
const HELD_MS = 250;
const PAUSE_MS = 500;
const MAX_RETRY_AFTER_MS = 3e5;
var PollCarrier = class extends Carrier {
  transport = "poll";
  #terms;
  #posting = false;
  /** Which poll is outstanding. What an earlier one brings comes again. */
  #poll;
  /** Someone takes over: no POST is begun any more, and this is called once none is outstanding. */
  #quiet;
  /** It was called: no poll is begun any more either. */
  #fenced = false;
  #exchanges = /* @__PURE__ */ new Set();
  A() {
    this.#run(async () => this.#receive(await this.#get({ "handshake?": "1" }, POST_TIMEOUT_MS)));
  }
  B(text2) {
    this.#run(async () => this.#receive(await this.#post(text2)));
  }
  C(terms) {
    this.#terms = terms;
    this.#startPoll();
    this.i();
  }
  v(text2) {
    const can = this.#mayPost();
    if (can) this.#deliver(text2, []);
    return can;
  }
  /** Stops posting, and says when hello may be said on a WebSocket. */
  Q(quiet) {
    this.#quiet = quiet;
    this.#ceded();
  }
  /** Nobody took over after all. */
  R() {
    this.#fenced = false;
    this.#quiet = void 0;
    if (!this.#poll) this.#startPoll();
    this.i();
  }
  #ceded() {
    if (!this.#quiet || this.#fenced || this.#posting) return;
    this.#fenced = true;
    this.#poll = void 0;
    this.#quiet();
  }
  #startPoll() {
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
  async #pollOnce(poll) {
    const { a: environment } = this.host;
    const polledAt = environment.now();
    const ack = this.#terms?.session === void 0 ? {} : { ack: String(this.host.j()) };
    const packets = await this.#get(ack, this.#holdMs());
    if (this.c || this.#poll !== poll) return;
    this.#poll = void 0;
    this.#receive(packets);
    if (this.c) return;
    const next = () => {
      if (!this.#poll && !this.#fenced) this.#startPoll();
    };
    if (environment.now() - polledAt < HELD_MS && !packets.some(carriesSomething)) this.h(PAUSE_MS, next);
    else next();
  }
  i() {
    while (this.#mayPost()) {
      const parcels = this.#batch();
      if (parcels.length === 0) return;
      const messages = parcels.map(({ text: text2 }) => text2);
      this.#deliver(this.host.codec.binary ? new Blob(messages) : messages.join("\n"), parcels);
    }
  }
  #mayPost() {
    return this.#terms !== void 0 && !this.c && !this.#quiet && !this.#posting;
  }
  /** In order, as many as the server takes at once, and at least one. Sente takes one. */
  #batch() {
    const parcels = [];
    let room = this.#terms?.session && this.#terms["max-message"] / 3 || 0;
    for (let next = this.host.l(); next; next = this.host.l(room)) {
      parcels.push(next);
      room -= next.text.length + 1;
    }
    return parcels;
  }
  #deliver(body, parcels) {
    const asked = this.#terms?.session === void 0 && parcels.find((parcel) => parcel.s);
    if (!asked) this.#posting = true;
    this.#run(async () => {
      const packets = await this.#send(body, parcels);
      if (asked) this.host.k(asked.e, senteReply(packets[0]?.payload));
      else {
        this.#posting = false;
        this.#receive(packets);
        this.#ceded();
      }
      this.i();
    });
  }
  async #send(body, parcels) {
    try {
      if (this.#terms?.session !== void 0) return await this.#post(body);
      const [query, form] = typeof body === "string" ? [{}, new URLSearchParams({ ppstr: body })] : [{ "binary?": "true" }, body];
      return await this.#exchange(query, this.#holdMs(), form);
    } catch (error) {
      const { httpStatus } = error;
      if (httpStatus !== 400 && httpStatus !== 413) throw error;
      this.host.S(parcels, httpStatus);
      return [];
    }
  }
  #holdMs() {
    return (this.#terms?.["poll-ms"] ?? 0) + SLACK_MS;
  }
  #receive(packets) {
    if (!this.c) this.host.D(this, packets);
  }
  #get(query, timeoutMs) {
    return this.#exchange({
      ...query,
      udt: String(this.host.a.now())
    }, timeoutMs);
  }
  #post(body) {
    return this.#exchange({}, POST_TIMEOUT_MS, body, { "Content-Type": this.host.codec.contentType });
  }
  async #exchange(query, timeoutMs, body, own) {
    const { host } = this;
    const session = this.#terms?.session;
    const headers = {
      ...host.headers(),
      "X-Requested-With": "XMLHttpRequest",
      ...own
    };
    if (session !== void 0) headers["Tsugi-Session"] = session;
    const abort = new AbortController();
    let late = false;
    const timer = host.a.g(timeoutMs, () => {
      late = true;
      abort.abort();
    });
    this.#exchanges.add(abort);
    const ask = async () => {
      const method = body === void 0 ? "GET" : "POST";
      const { signal } = abort;
      const init = {
        method,
        body,
        headers,
        cache: "no-store",
        signal
      };
      const response2 = await host.a.fetch(host.url("poll", query), init);
      return {
        response: response2,
        content: await (response2.status === 200 && host.codec.binary ? response2.arrayBuffer() : response2.text())
      };
    };
    const { response, content } = await ask().catch((error) => {
      throw {
        reason: late ? "timeout" : "network",
        message: String(error)
      };
    }).finally(() => {
      host.a.cancel(timer);
      this.#exchanges.delete(abort);
    });
    if (response.status !== 200) throw lossOf(response, content);
    return host.codec.decode(content);
  }
  /** Every failure of an exchange ends here, so that none is left to the global handler. */
  #run(work) {
    work().catch((error) => {
      if (error instanceof Error) this.b("bad-frame", error);
      else this.d(error);
    });
  }
  z() {
    for (const abort of this.#exchanges) abort.abort();
  }
};
const REASONS = {
  400: "rejected",
  401: "refused",
  402: "refused",
  403: "refused",
  409: "session-gone",
  503: "busy"
};
function lossOf({ status, headers }, text2) {
  const loss = {
    reason: REASONS[status] ?? "network",
    httpStatus: status,
    message: text2.slice(0, 200) || void 0
  };
  const retryAfterMs = Number(headers.get("retry-after") ?? NaN) * 1e3;
  if (retryAfterMs >= 0) loss.retryAfterMs = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
  return loss;
}
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
  transport = "ws";
  #socket;
  #terms;
  #heardAt = 0;
  #pacer;
  /** A ping waits for its answer. */
  #asked = false;
  A(handshakeTimeoutMs) {
    this.#expect(handshakeTimeoutMs);
    const WebSocket = this.host.a.WebSocket;
    try {
      this.#listen(new WebSocket(this.host.url("ws", {})));
    } catch (error) {
      this.h(0, () => this.b("network", error));
    }
  }
  B(text2, timeoutMs) {
    this.#expect(timeoutMs);
    this.#write(text2);
  }
  #expect(timeoutMs) {
    this.h(timeoutMs, () => this.b("timeout", `no ${this.n} in time`));
  }
  C(terms) {
    this.#terms = terms;
    this.#heardAt = this.host.a.now();
    this.#listenFor(terms["ping-ms"]);
  }
  i() {
    const { a: environment } = this.host;
    environment.cancel(this.#pacer);
    while (!this.c && !this.#isFull()) {
      const parcel = this.host.l();
      if (!parcel) return;
      this.#write(parcel.text);
    }
    if (!this.c) this.#pacer = environment.g(PACE_MS, () => this.i());
  }
  v(text2) {
    const can = !this.#isFull();
    if (can) this.#write(text2);
    return can;
  }
  #isFull() {
    return (this.#socket?.bufferedAmount ?? 0) > MAX_BUFFERED;
  }
  /** Asks whether anyone is there, without waiting for silence. */
  E() {
    const terms = this.#terms;
    if (!terms || this.c || this.#asked) return;
    this.#asked = true;
    const slot = terms.session === void 0 ? "000000" : PING_SLOT;
    this.h(terms["ping-timeout-ms"], () => {
      if (!this.#asked) this.#listenFor(terms["ping-ms"]);
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
      this.b(code === 1006 ? "network" : "server", reason || void 0, code);
    };
  }
  #message(data) {
    if (this.c) return;
    this.#heardAt = this.host.a.now();
    this.#asked = false;
    const packets = this.decode(data);
    if (packets) this.host.D(this, packets);
  }
  /** Waits until nothing was heard for so long, then pings. */
  #listenFor(ms) {
    const { a: environment } = this.host;
    const pingMs = this.#terms?.["ping-ms"] ?? ms;
    this.h(ms, () => {
      const silentMs = environment.now() - this.#heardAt;
      if (silentMs >= pingMs) this.E();
      else this.#listenFor(pingMs - silentMs);
    });
  }
  #write(text2) {
    if (this.c) return;
    try {
      this.#socket?.send(text2);
    } catch (error) {
      this.h(0, () => this.b("network", error));
    }
  }
  z(code, reason) {
    this.host.a.cancel(this.#pacer);
    try {
      this.#socket?.close(code, reason);
    } catch {
      this.#socket?.close();
    }
  }
};
const GOOD_MS = 5e3;
const MAX_VIOLATIONS = 3;
const VIOLATIONS = [
  1002,
  1003,
  1007,
  1008,
  1009
];
const WAKE_MS = 250;
const MAX_LENGTH = 16 * 1024 * 1024;
var Connection = class {
  state;
  a;
  codec;
  #config;
  #events;
  #path;
  /** What events travel on. */
  #live;
  /** What is being opened: instead of a live carrier, or, while polling, to take over from it. */
  #candidate;
  #user = {
    user: null,
    data: void 0
  };
  #terms;
  #ledger;
  #outbox;
  /** Whose it is: `undefined` until a server has said who this is. */
  #owner;
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
    this.a = environment;
    this.codec = config.codec;
    this.#events = events;
    this.#terms = config.q;
    this.#outbox = new Outbox(randomId(), environment);
    this.#ledger = new Ledger(environment, () => this.#sayArrived());
    this.#path = new Path(config.transports, environment.WebSocket !== void 0);
    this.state = this.#connecting(this.#path.x() ?? "ws");
    this.#unwatch = environment.T((what) => this.#wake(what));
    this.#connect();
  }
  get outbox() {
    return this.#outbox.K;
  }
  send(id, data, { timeoutMs = this.#config.sendTimeoutMs, volatile }) {
    return this.#add(id, data, false, timeoutMs, void 0, volatile);
  }
  async request(id, data, options) {
    const { timeoutMs = this.#config.requestTimeoutMs, signal } = options;
    if (signal?.aborted) throw new RequestError("aborted");
    const { error, reply } = await this.#add(id, data, true, timeoutMs, signal).settled;
    if (error) throw error;
    return reply;
  }
  reconnect() {
    if (this.#over) throw new SendError("disconnected", "close() was called");
    this.#drop();
    this.#attempts = 0;
    this.#violations = 0;
    this.#path.u();
    this.#path.y();
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
  j() {
    return this.#ledger.j();
  }
  l(room) {
    const parcel = this.#outbox.l(room);
    if (!parcel) return void 0;
    const { e: number, text: text2, s: wantsReply, p: delivery } = parcel;
    if (!this.#fits(text2)) {
      this.#outbox.b(number, "too-large");
      return this.l(room);
    }
    if (this.#terms.session !== void 0) return parcel;
    const slot = wantsReply ? this.#live?.transport === "poll" ? "ajax" : number.toString(16).padStart(6, "0") : null;
    return {
      ...parcel,
      text: this.codec.encode({
        ...delivery,
        slot
      })
    };
  }
  k(slot, reply) {
    this.#outbox.k(Number(typeof slot === "string" ? `0x${slot}` : slot), reply);
  }
  S(parcels, httpStatus) {
    const code = httpStatus === 413 ? "too-large" : "bad-event";
    for (const { e: number } of parcels) this.#outbox.b(number, code, `refused with ${httpStatus}`);
  }
  D(carrier, packets) {
    for (const packet2 of packets) {
      if (carrier !== this.#live && carrier !== this.#candidate) return;
      if (!this.#understands(carrier, packet2)) return carrier.b("bad-frame");
    }
  }
  P(carrier, loss) {
    if (carrier === this.#live) this.#liveLost(carrier, loss);
    else if (carrier === this.#candidate) this.#candidateLost(carrier, loss);
  }
  #connect() {
    const transport = this.#path.x();
    if (!transport) return this.#end({ reason: "no-transport" });
    if (this.#change(this.#connecting(transport))) this.#withToken(() => this.#open(transport));
  }
  #connecting(transport) {
    return {
      status: "connecting",
      transport,
      attempt: this.#attempts,
      offline: this.a.offline()
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
    this.#candidate.A(this.#config.handshakeTimeoutMs);
  }
  /** @returns whether the server may say this now. */
  #understands(carrier, packet2) {
    if (carrier.n === "handshake") return this.#handshake(carrier, packet2.payload);
    if (carrier.n === "welcome") return this.#welcome(carrier, packet2.payload);
    if (packet2.slot === null) return this.#message(carrier, packet2.payload);
    if (this.#isNews(carrier)) this.k(packet2.slot, packet2.payload);
    return true;
  }
  /** @returns whether the next item of this carrier is one that the application has not seen. */
  #isNews(carrier) {
    return !carrier.next || this.#ledger.J(carrier.next++, this.#terms["ack-items"], this.#terms["ack-ms"]);
  }
  /** Tells the server what arrived, where a poll does not do it anyway. */
  #sayArrived() {
    const data = this.j();
    if (this.#live?.transport === "ws") this.#say("chsk/ack", data);
  }
  #say(id, data) {
    this.#live?.v(this.codec.encode({
      id,
      data,
      slot: null
    }));
  }
  #handshake(carrier, payload) {
    const handshake = readHandshake(payload, this.#config.q);
    if (!handshake) return false;
    const { user, data, I: terms } = handshake;
    this.#user = {
      user,
      data
    };
    if (this.#owner !== void 0 && this.#owner !== user) {
      this.#outbox.t("other-user");
      this.#outbox = new Outbox(randomId(), this.a);
    }
    this.#owner = user;
    if (!terms) this.#adopt(carrier, this.#config.q, false);
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
    carrier.n = "welcome";
    const say = () => {
      if (carrier !== this.#candidate) return;
      const { name: outbox, sent } = this.#outbox;
      const data = {
        session,
        received: this.#ledger.received,
        csrf,
        outbox,
        sent
      };
      const text2 = this.codec.encode({
        id: "chsk/hello",
        data,
        slot: null
      });
      carrier.B(text2, this.#config.handshakeTimeoutMs);
    };
    if (this.#live instanceof PollCarrier) this.#live.Q(say);
    else say();
  }
  #welcome(carrier, payload) {
    const welcome = readWelcome(payload);
    if (!welcome) return false;
    const { session, resumed, next, why, taken, handled } = welcome;
    if (!resumed) {
      const from = this.#ledger.received + 1;
      this.#ledger.w(1);
      if (why) this.#events.o(GAP, {
        from,
        why
      });
    }
    this.#countFrom(carrier, next);
    this.#outbox.L(taken, handled);
    this.#adopt(carrier, {
      ...this.#terms,
      session
    }, resumed);
    return true;
  }
  /** What lies between what arrived and the next item was too much for the server to keep. */
  #countFrom(carrier, next) {
    carrier.next = next;
    const from = this.#ledger.received + 1;
    if (next <= from) return;
    this.#ledger.w(next);
    this.#events.o(GAP, {
      from,
      to: next - 1,
      why: "overflow"
    });
  }
  /** The server has taken this carrier: from now on events travel on it. */
  #adopt(carrier, terms, resumed) {
    if (carrier !== this.#candidate) return;
    this.#live?.close();
    this.#noteGood();
    this.#openedAt = this.a.now();
    this.#live = carrier;
    this.#candidate = void 0;
    this.#terms = terms;
    carrier.n = "open";
    if (carrier.transport === "ws") this.#path.f = "fine";
    carrier.C(terms);
    carrier.i();
    const why = carrier.transport === "ws" ? "fine" : this.#path.f;
    this.#change({
      status: "open",
      transport: carrier.transport,
      ...this.#user,
      resumed,
      why
    });
    if (carrier === this.#live) this.#planClimb();
  }
  #message(carrier, payload) {
    if (typeof payload === "string") return this.#control(carrier, payload, void 0);
    if (!Array.isArray(payload)) return false;
    if (typeof payload[0] === "string") return this.#control(carrier, payload[0], payload[1]);
    this.#events.H(payload.filter(() => this.#isNews(carrier)));
    return true;
  }
  #control(carrier, id, data) {
    if (id === "chsk/ws-ping") this.#say("chsk/ws-pong", void 0);
    else if (id === "chsk/from") this.#countFrom(carrier, count(data));
    else if (id === "chsk/handled") this.#outbox.handled(count(data));
    else if (id === "chsk/close") this.#closedByServer(carrier, data);
    else if (id === "chsk/handshake") carrier.b("session-gone");
    else return id.startsWith("chsk/");
    return true;
  }
  #closedByServer(carrier, data) {
    const { code, reason } = Object(data);
    carrier.b("server", reason || void 0, typeof code === "number" ? code : 1e3);
  }
  /** Two carriers of one client are two clients to plain Sente: events would come twice. */
  #mayClimb() {
    return this.#live?.transport === "poll" && !this.#candidate && this.#terms.session !== void 0;
  }
  #planClimb() {
    this.a.cancel(this.#climbTimer);
    const ms = this.#mayClimb() ? this.#path.N(this.a.random()) : void 0;
    if (ms) this.#climbTimer = this.a.g(ms, () => this.#climb());
  }
  #climb() {
    if (!this.#mayClimb() || !this.#path.m("ws")) return;
    this.a.cancel(this.#climbTimer);
    this.#withToken(() => {
      if (this.#mayClimb()) this.#open("ws");
    });
  }
  #candidateLost(carrier, loss) {
    this.#candidate = void 0;
    const verdict = loss.reason === "timeout" ? "mute" : "refused";
    const spoke = carrier.n !== "handshake";
    if (this.#live) this.#climbLost(verdict);
    else if (carrier.transport === "ws" && !spoke && this.#path.m("poll") && !this.#isFinal(loss)) {
      this.#path.f = verdict;
      if (this.#change(this.#connecting("poll"))) this.#open("poll");
    } else {
      if (carrier.transport === "poll") this.#path.y();
      this.#failed(loss);
    }
  }
  #climbLost(verdict) {
    this.#path.O(verdict);
    this.#live.R();
    this.#planClimb();
  }
  #liveLost(carrier, loss) {
    this.a.cancel(this.#climbTimer);
    this.#live = void 0;
    this.#candidate?.close();
    this.#candidate = void 0;
    const openMs = this.a.now() - this.#openedAt;
    if (carrier.transport === "ws") this.#path.M(openMs < GOOD_MS);
    this.#noteGood();
    this.#forget(loss);
    this.#failed(loss);
  }
  /** Without a session nothing that was asked will be answered. */
  #forget(loss) {
    const { session } = this.#terms;
    if (loss.reason === "session-gone") this.#terms = {
      ...this.#terms,
      session: void 0
    };
    if (session === void 0) this.#outbox.t("disconnected", "sent");
  }
  #noteGood() {
    if (this.state.status !== "open" || this.a.now() - this.#openedAt < GOOD_MS) return;
    this.#attempts = 0;
    this.#violations = 0;
    if (this.state.transport === "ws") this.#path.u();
  }
  #failed(loss) {
    if (loss.reason === "bad-frame" || VIOLATIONS.includes(loss.code ?? 0)) this.#violations += 1;
    if (this.#isFinal(loss) || this.#violations >= MAX_VIOLATIONS) this.#end(loss);
    else this.#retry(loss);
  }
  #isFinal({ reason, code = 0 }) {
    return code >= 3500 && code < 5e3 && code % 1e3 >= 500 || reason === "refused" || reason === "rejected";
  }
  #retry(loss) {
    const { a: environment } = this;
    const waitMs = environment.offline() || environment.U() ? CAP_MS : backoff(this.#attempts, environment.random());
    const { retryAfterMs = 0, ...why } = loss;
    this.#attempts += 1;
    this.#wait(waitMs + retryAfterMs, why);
  }
  #wait(retryInMs, why) {
    const { a: environment } = this;
    environment.cancel(this.#retryTimer);
    this.#retryTimer = environment.g(retryInMs, () => this.#connect());
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
    this.#outbox.t("closed");
  }
  /** Lets go of everything that could connect or carry. The session may be resumed. */
  #drop(reason, code) {
    this.#epoch += 1;
    this.a.cancel(this.#retryTimer);
    this.a.cancel(this.#climbTimer);
    this.j();
    const live = this.#live;
    this.#candidate?.close(code, reason);
    live?.close(code, reason);
    this.#live = void 0;
    this.#candidate = void 0;
    if (this.#terms.session === void 0) this.#forget({ reason: "reconnect" });
  }
  #wake(what) {
    if (what === "online") this.#path.u();
    const { state } = this;
    const live = this.#live;
    if (state.status === "waiting") {
      if (what === "offline") this.#change({
        ...state,
        offline: true
      });
      else if (state.reason !== "busy") this.#wait(Math.round(this.a.random() * WAKE_MS), state);
    } else if (live instanceof WebSocketCarrier) live.E();
    else if (what === "online") this.#climb();
  }
  #add(id, data, wantsReply, ms, signal, volatile) {
    const refuse = (code, why) => {
      throw new SendError(code, `${id}: ${why}`);
    };
    const live = this.#live;
    const outbox = this.#outbox;
    const { status } = this.state;
    const { maxQueue, G: refuses } = this.#config;
    if (!live && (refuses || status === "closed")) refuse("disconnected", `there is no connection (${status})`);
    if (!/^[^/]+\/.+/.test(id)) refuse("bad-event", 'an event id is "namespace/name"');
    if (id.startsWith("chsk/")) refuse("bad-event", "chsk/ is reserved");
    const number = outbox.r + 1;
    let text2 = "";
    try {
      text2 = this.codec.encode({
        id,
        data,
        slot: volatile ? null : wantsReply ? number : -number
      });
    } catch (error) {
      refuse("bad-event", String(error));
    }
    if (!this.#fits(text2)) refuse("too-large", `the server accepts ${this.#terms["max-message"]} bytes`);
    if (outbox.items.size >= maxQueue || outbox.length > MAX_LENGTH) refuse("queue-full", "too much is under way");
    const delivery = outbox.add(id, data, text2, wantsReply, ms, signal);
    if (!volatile) live?.i();
    else if (live?.v(text2)) outbox.d(number, "sent");
    else outbox.b(number, "dropped");
    return delivery;
  }
  #fits(text2) {
    const maxMessage = this.#terms["max-message"];
    return text2.length * 3 <= maxMessage || new Blob([text2]).size <= maxMessage;
  }
  /** @returns whether it is still so when all have been told: a handler may have closed or reconnected. */
  #change(now) {
    const before = this.state;
    this.state = now;
    this.#events.o(STATE, now, before);
    return this.state === now;
  }
};
function browserOrNode(options) {
  const { document, navigator, location } = globalThis;
  return {
    now: () => Date.now(),
    g: (ms, callback) => setTimeout(callback, ms),
    cancel: (timer) => clearTimeout(timer),
    random: options.random ?? Math.random,
    fetch: options.fetch ?? ((url, init) => fetch(url, {
      credentials: options.credentials,
      ...init
    })),
    WebSocket: options.WebSocket ?? globalThis.WebSocket,
    F: location?.href,
    U: () => document?.visibilityState === "hidden",
    offline: () => navigator?.onLine === false,
    T: watch,
    V: report
  };
}
function watch(changed) {
  const stop = new AbortController();
  const { signal } = stop;
  const { document, addEventListener } = globalThis;
  addEventListener?.("online", () => changed("online"), { signal });
  addEventListener?.("offline", () => changed("offline"), { signal });
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
  const events = new Events((error) => environment.V(error));
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
    let off = () => {
    };
    const look = () => {
      const { state } = connection;
      if (state.status === "open") resolve();
      else if (state.status === "closed") reject(new ConnectError(state));
      else return;
      off();
    };
    off = events.on(STATE, look);
    look();
  });
}
export { ConnectError, RequestError, SendError, connect, json };
