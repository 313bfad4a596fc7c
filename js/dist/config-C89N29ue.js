function json() {
  return {
    name: "json",
    contentType: "application/json",
    encode: ({ id, data, slot }) => text([data === void 0 ? [id] : [id, data], slot]),
    decode: (lines) => String(lines).split("\n").filter((line) => line.trim()).map(packet)
  };
}
function text(packet2) {
  let written;
  try {
    written = JSON.stringify(packet2);
  } catch {
    written = JSON.stringify(packet2, (_, value) => typeof value === "bigint" ? String(value) : value);
  }
  if (/[^\\](\\\\)*\\ud/.test(written)) throw new TypeError("half a character");
  return written;
}
function packet(line) {
  const value = JSON.parse(line);
  if (!Array.isArray(value) || value.length < 1) throw new SyntaxError("not a packet");
  return {
    payload: value[0],
    slot: value[1] ?? null
  };
}
var RequestError = class extends Error {
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
  constructor(state) {
    super(state.message ?? state.reason);
    this.name = "ConnectError";
    this.state = state;
  }
};
function failureIn(reply) {
  if (!Array.isArray(reply) || reply[0] !== "chsk/error") return void 0;
  const { code, message, data } = Object(reply[1]);
  return new RequestError(String(code ?? "failed"), message ? String(message) : void 0, data);
}
var Outbox = class {
  constructor(name, environment) {
    this.sent = 0;
    this.k = 0;
    this.e = 0;
    this.length = 0;
    this.items = /* @__PURE__ */ new Map();
    this.b = [];
    this.name = name;
    this.f = environment;
  }
  /** Calls back once the name and the counts are known. */
  l(then) {
    then();
  }
  add(id, data, text2, wantsReply, ms, signal) {
    this.e += 1;
    const late = () => this.c(item.a, "timeout", `not done within ${ms} ms`);
    const aborted = () => this.c(item.a, "aborted");
    const timer = this.f.m(ms, late);
    signal?.addEventListener("abort", aborted);
    const cancel = () => delivery.state === "waiting" && aborted();
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
      this.items.delete(item.a);
      this.length -= item.text.length;
      this.f.cancel(timer);
      signal?.removeEventListener("abort", aborted);
      resolve(delivery);
    };
    const item = {
      a: this.e,
      text: text2,
      i: wantsReply,
      g: delivery,
      h: settle
    };
    this.items.set(this.e, item);
    this.b.push(item);
    this.length += text2.length;
    return delivery;
  }
  /** A carrier begins, to a server that has taken and handled so much: what it has not taken goes out again. */
  n(taken, handled) {
    this.handled(handled);
    this.b = [...this.items.values()].filter(({ a: number }) => number > taken);
  }
  /** The next for the carrier, if it is no larger than this. */
  o(room) {
    const item = this.j();
    if (!item || item.text.length > room) return void 0;
    this.b.shift();
    item.g.state = "sent";
    this.sent = Math.max(this.sent, item.a);
    return item;
  }
  /** The first that is due, and still under way. */
  j() {
    while (this.b[0] && !this.items.has(this.b[0].a)) this.b.shift();
    return this.b[0];
  }
  /**
  * An answer: the reply to a request, or, to a number below zero, that everything up to there was handled, and every reply that
  * the server has for it was sent before.
  */
  h(number, reply) {
    const failure = failureIn(reply);
    if (number < 0) this.handled(-number, "reply-lost");
    else if (failure) this.d(number, "failed", { error: failure });
    else this.d(number, "handled", { reply });
  }
  /** The server has handled everything up to this; the replies among it come by themselves, or are `lost`. */
  handled(upTo, lost) {
    for (const { a: number, i: wantsReply } of [...this.items.values()]) if (number > upTo) return;
    else if (!wantsReply) this.d(number, "handled");
    else if (lost) this.c(number, lost);
  }
  c(number, code, message) {
    return this.d(number, "failed", { error: new RequestError(code, message) });
  }
  /** Fails everything, or what was sent. */
  p(code, state) {
    for (const { a: number, g: delivery } of [...this.items.values()]) if (!state || delivery.state === state) this.c(number, code);
  }
  /** @returns whether it was still under way. */
  d(number, state, outcome) {
    const item = this.items.get(number);
    if (!item) return false;
    Object.assign(item.g, outcome, { state });
    item.h();
    return true;
  }
};
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
  "max-message": Infinity
};
function configure(url, options, environment) {
  const { codec = json(), clientId = randomId(), wire = "tsugi", csrfToken, params } = options;
  const http = resolveUrl(url, options, environment.q);
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
    r: options.whileDown === "refuse",
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? 3e3,
    maxQueue: options.maxQueue ?? 1e3,
    headers: options.headers ?? {},
    s: SENTE,
    outbox: options.outbox ?? inMemory,
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
function inMemory({ f: environment }) {
  return new Outbox(randomId(), environment);
}
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
export { RequestError as a, ConnectError as i, randomId as n, SendError as o, Outbox as r, json as s, configure as t };
