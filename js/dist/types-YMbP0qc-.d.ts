import { t as Codec } from "./codec-CsQyxNPL.js";

//#region src/state.d.ts
/** Why there is no connection, or no better one. */
type Reason = /** The network failed, or nobody answered. */"network" /** The handshake, a ping's answer or an HTTP answer did not come in time. */ | "timeout" /** The server closed; `code` and `message` say why. */ | "server" /** The server is busy or shutting down, and said when to come back (503, or before it closed). */ | "busy" /** The server refuses this client (401, 402, 403; `httpStatus` says which). It stays so until `reconnect()`. */ | "refused" /** The server calls the request a mistake (400): an unknown codec, a bad client id. */ | "rejected" /** The server sent what cannot be understood. */ | "bad-frame" /** The server no longer knows the session. */ | "session-gone" /** Another connection took the session over. */ | "replaced" /** `csrfToken` failed. */ | "token" /** Nothing that `transports` allows exists here. */ | "no-transport" /** `close()` was called. */ | "closed" /** `reconnect()` was called. */ | "reconnect";
/** What was learnt about WebSockets on the way to the server. */
type Verdict = /** They work, or nothing is known yet. */"fine" /** There is no constructor, or `transports` leaves them out. */ | "unavailable" /** The upgrade fails: refused by a proxy or the server. */ | "refused" /** The upgrade succeeds, or seems to, and then nothing comes. */ | "mute" /** They open, but are cut within seconds, again and again. */ | "unstable";
interface Connecting {
  status: "connecting";
  transport: Transport;
  /** The number of attempts that failed since the last good connection. */
  attempt: number;
  offline: boolean;
}
interface Open {
  status: "open";
  transport: Transport;
  /** Who the server says this is; `null` for an anonymous user. */
  user: string | null;
  /** The session of before goes on. `false`: a new one, or a server without sessions. */
  resumed: boolean;
  /** What the application put into the handshake. */
  data: unknown;
  /** While polling: why not by WebSocket. */
  why: Verdict;
}
interface Waiting {
  status: "waiting";
  /** When the next attempt is made, in ms since 1970. */
  retryAt: number;
  /** The same, counted from the moment the state began. */
  retryInMs: number;
  attempt: number;
  /** The browser says that there is no network. */
  offline: boolean;
  reason: Reason;
  code?: number;
  httpStatus?: number;
  message?: string;
}
interface Closed {
  status: "closed";
  reason: Reason;
  code?: number;
  httpStatus?: number;
  message?: string;
}
/** Events and replies that the server sent, or would have, and this client will never get. */
interface Gap {
  /** The number of the first; items are counted from 1 in each session. */
  from: number;
  /** The number of the last; `undefined` when nobody knows. */
  to?: number;
  why: "overflow" /** This client was away for longer than the server keeps a session. */ | "expired" /** The server was restarted. */ | "restarted" /** The two ends counted differently. */ | "desync";
}
type State = Connecting | Open | Waiting | Closed;
//#endregion
//#region src/errors.d.ts
/** Why an event was not accepted. */
type SendErrorCode = /** There is no connection, and none will come, or `whileDown` says not to wait for one. */"disconnected" /** Larger than the server accepts. */ | "too-large" /** More waits to be sent than `maxQueue`. */ | "queue-full" /** The id has no namespace or is reserved, or the codec cannot write the data. */ | "bad-event";
/** Why a request has no reply; besides these the failure codes of the server and of the application. */
type RequestErrorCode = SendErrorCode /** Not done in time. If it was sent it may have been handled. */ | "timeout" /** `close()` was called, or the server ended the connection for good. */ | "closed" /** Its `signal` or `cancel()` said so. */ | "aborted" /** The server now takes this client for another user. */ | "other-user" /** It was handled, and its reply will not come: it came to the page before, or the server could not keep it. */ | "reply-lost" /** A volatile event that could not leave at once. */ | "dropped" | (string & {});
/** A request failed. */
declare class RequestError extends Error {
  readonly code: RequestErrorCode;
  /** What the server said besides; `undefined` when the failure is the client's own. */
  readonly data: unknown;
  constructor(code: RequestErrorCode, message?: string, data?: unknown);
}
/** `send` did not accept the event, or `request`, which then rejects with it. */
declare class SendError extends RequestError {
  readonly code: SendErrorCode;
  constructor(code: SendErrorCode, message: string);
}
/** There will be no connection, unless `reconnect()` is called. */
declare class ConnectError extends Error {
  readonly state: Closed;
  constructor(state: Closed);
}
//#endregion
//#region src/types.d.ts
/** What a request sends and what its reply holds. */
interface Exchange {
  data: unknown;
  reply: unknown;
}
/** The part of an exchange that is sent: an entry of `ClientEvents` is an {@link Exchange}, or the bare data. */
type DataOf<E> = E extends {
  data: infer D;
  reply: unknown;
} ? D : E;
/** The reply of an exchange; `unknown` for an event that is declared by its data alone. */
type ReplyOf<E> = E extends {
  data: unknown;
  reply: infer R;
} ? R : unknown;
/** The arguments after the id: an event without data is sent without. */
type DataArguments<E> = [DataOf<E>] extends [undefined] ? [data?: undefined, options?: SendOptions] : unknown extends DataOf<E> ? [data?: unknown, options?: SendOptions] : [data: DataOf<E>, options?: SendOptions];
/** A way to reach the server: a WebSocket, or long-poll. */
type Transport = "ws" | "poll";
/** The part of a WebSocket that is used: the browser's has it, and so has the one of the `ws` package. */
interface WebSocketLike {
  binaryType: unknown;
  readonly bufferedAmount: number;
  onopen: unknown;
  onmessage: unknown;
  onclose: unknown;
  onerror: unknown;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}
type WebSocketConstructor = new (url: string) => WebSocketLike;
type Fetch = (url: string, init: RequestInit) => Promise<Response>;
/** What `persistent()` of `tsugi/outbox` makes. */
type OutboxKind = (...inner: never[]) => object;
/** Options of `connect`; every one has a default. */
interface Options {
  /** How values become messages. Default: JSON. The server must offer it. */
  codec?: Codec;
  /** The application's CSRF token, or how to get it; asked for again at every attempt to connect. Default: none. */
  csrfToken?: string | (() => string | undefined | Promise<string | undefined>);
  /** Query parameters of every request. Seen by proxies and logs: no secrets. */
  params?: Record<string, string>;
  /** Headers of every HTTP request. A browser's WebSocket cannot carry any. */
  headers?: Record<string, string>;
  /** Names this client for its whole life. Default: 128 random bits. It is a secret towards plain Sente servers. */
  clientId?: string;
  /** What may be used, in this order of preference. Default: `["ws", "poll"]`. */
  transports?: readonly Transport[];
  /** How long a request waits for its reply when it does not say so itself, in ms. Default: 10 000. */
  requestTimeoutMs?: number;
  /** How long an event may take until the server has handled it when it does not say so itself, in ms. Default: 5 min. */
  sendTimeoutMs?: number;
  /**
   * While there is no connection, events and requests wait for one within their time (`"queue"`, default), or are refused
   * at once (`"refuse"`).
   */
  whileDown?: "queue" | "refuse";
  /** Keeps what is under way beyond the life of the page: `persistent()` of `tsugi/outbox`. Default: in memory. */
  outbox?: OutboxKind;
  /** How long a WebSocket may take until the server's handshake has come, in ms. Default: 3000. */
  handshakeTimeoutMs?: number;
  /** Events and requests that may be under way: waiting, or not yet handled. Default: 1000. */
  maxQueue?: number;
  /** Which cookies HTTP requests carry. Default: `"same-origin"`. */
  credentials?: RequestCredentials;
  /**
   * `"tsugi"` (default) asks for the extension and still understands a Sente server that knows nothing of it.
   * `"sente"` does not ask, and puts the CSRF token of a WebSocket into its URL, where such a server wants it.
   */
  wire?: "tsugi" | "sente";
  /** `"http:"`, `"https:"`, or the page's. */
  protocol?: string;
  /** Another host than the page's (or the URL's). An IPv6 address may stand without brackets. */
  host?: string;
  /** Another port than the page's (or the URL's); `""` is the protocol's own. */
  port?: number | string;
  /** The constructor of WebSockets. Default: the global one; Node 20 has none, pass that of the `ws` package. */
  WebSocket?: WebSocketConstructor;
  /** Default: the global `fetch`. */
  fetch?: Fetch;
  /** Random numbers in 0 … 1 for waits. Default: `Math.random`. */
  random?: () => number;
}
/** Options of one event. */
interface SendOptions {
  /** How long it may take until the server has handled it, in ms. Default: `sendTimeoutMs` of the connection. */
  timeoutMs?: number;
  /** Leaves at once and once, or not at all: for what is soon out of date, such as that somebody is typing. */
  volatile?: boolean;
}
/** An event or a request on its way. */
interface Delivery {
  readonly id: string;
  readonly data: unknown;
  /** Waiting to be sent; sent, so that the server may have it; handled by the server, or failed: then it is over. */
  readonly state: "waiting" | "sent" | "handled" | "failed";
  /** The reply, once a request is handled. */
  readonly reply?: unknown;
  /** Why it failed. */
  readonly error?: RequestError;
  /** Resolves with this when it is over. Never rejects. */
  readonly settled: Promise<Delivery>;
  /** Takes it back. @returns whether it was in time: what was sent cannot be taken back. */
  cancel(): boolean;
}
/** Options of one request. */
interface RequestOptions {
  /** How long to wait for the reply, in ms, counted from the call. Default: `requestTimeoutMs` of the connection. */
  timeoutMs?: number;
  /** Gives the request up; it then fails with `aborted`. */
  signal?: AbortSignal;
}
/** What `connect` returns. */
interface Client<ServerEvents extends object, ClientEvents extends object> {
  /** How things are; a new object at every change. */
  readonly state: State;
  /** Names this client towards the server. */
  readonly clientId: string;
  /** What is under way, in order. */
  readonly outbox: readonly Delivery[];
  /** Calls `handler` with the data of every such event. Returns how to stop it. */
  on<K extends keyof ServerEvents & string>(id: K, handler: (data: ServerEvents[K]) => void): () => void;
  /** Calls `handler` with every event, after the handlers of its id. Returns how to stop it. */
  onAny(handler: (id: string, data: unknown) => void): () => void;
  /**
   * Sends an event. It is handled once, and in order, over whatever connections there are until it is; only a server that
   * was started again in between may handle it again. What became of it is in what is returned.
   * @throws SendError `too-large`, `queue-full` or `bad-event`; `disconnected` after the end, or with `whileDown: "refuse"`.
   */
  send<K extends keyof ClientEvents & string>(id: K, ...data: DataArguments<ClientEvents[K]>): Delivery;
  /** Sends an event like `send`, and waits for the reply. Always settles; a failure is a `RequestError`. */
  request<K extends keyof ClientEvents & string>(id: K, data: DataOf<ClientEvents[K]>, options?: RequestOptions): Promise<ReplyOf<ClientEvents[K]>>;
  /** Calls `handler` at every change of state. Returns how to stop it. */
  onState(handler: (now: State, before: State) => void): () => void;
  /**
   * Calls `handler` when something the server sent will never arrive: show afresh what may have changed. Returns how to
   * stop it.
   */
  onGap(handler: (gap: Gap) => void): () => void;
  /** Resolves when there is a connection, at once if there is; rejects with a `ConnectError` when there will be none. */
  ready(): Promise<void>;
  /** Drops the connection there is, or the wait for one, and connects now: after a login, or on a "try now" button. */
  reconnect(): void;
  /** Ends the connection for good. What waits for a reply fails with `closed`. */
  close(code?: number, reason?: string): void;
}
//#endregion
export { Reason as C, Waiting as E, Open as S, Verdict as T, SendError as _, Fetch as a, Connecting as b, ReplyOf as c, Transport as d, WebSocketConstructor as f, RequestErrorCode as g, RequestError as h, Exchange as i, RequestOptions as l, ConnectError as m, DataOf as n, Options as o, WebSocketLike as p, Delivery as r, OutboxKind as s, Client as t, SendOptions as u, SendErrorCode as v, State as w, Gap as x, Closed as y };