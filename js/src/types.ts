/** The words of the public interface. */
import type { Codec } from "./codec.js";
import type { RequestError } from "./errors.js";
import type { Gap, State } from "./state.js";

/** What a request sends and what its reply holds. */
export interface Exchange {
  data: unknown;
  reply: unknown;
}

/** The part of an exchange that is sent: an entry of `ClientEvents` is an {@link Exchange}, or the bare data. */
export type DataOf<E> = E extends { data: infer D; reply: unknown } ? D : E;
/** The reply of an exchange; `unknown` for an event that is declared by its data alone. */
export type ReplyOf<E> = E extends { data: unknown; reply: infer R } ? R : unknown;

/** The arguments after the id: an event without data is sent without. */
export type DataArguments<E> = [DataOf<E>] extends [undefined]
  ? [data?: undefined, options?: SendOptions]
  : unknown extends DataOf<E>
    ? [data?: unknown, options?: SendOptions]
    : [data: DataOf<E>, options?: SendOptions];

/** A way to reach the server: a WebSocket, or long-poll. */
export type Transport = "ws" | "poll";

/** The part of a WebSocket that is used: the browser's has it, and so has the one of the `ws` package. */
export interface WebSocketLike {
  binaryType: unknown;
  readonly bufferedAmount: number;
  onopen: unknown;
  onmessage: unknown;
  onclose: unknown;
  onerror: unknown;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string) => WebSocketLike;
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What `persistent()` of `tsugi/outbox` makes. */
export type OutboxKind = (...inner: never[]) => object;

/** Options of `connect`; every one has a default. */
export interface Options {
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
export interface SendOptions {
  /** How long it may take until the server has handled it, in ms. Default: `sendTimeoutMs` of the connection. */
  timeoutMs?: number;
  /** Leaves at once and once, or not at all: for what is soon out of date, such as that somebody is typing. */
  volatile?: boolean;
}

/** An event or a request on its way. */
export interface Delivery {
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
export interface RequestOptions {
  /** How long to wait for the reply, in ms, counted from the call. Default: `requestTimeoutMs` of the connection. */
  timeoutMs?: number;
  /** Gives the request up; it then fails with `aborted`. */
  signal?: AbortSignal;
}

/** What `connect` returns. */
export interface Client<ServerEvents extends object, ClientEvents extends object> {
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
  request<K extends keyof ClientEvents & string>(
    id: K,
    data: DataOf<ClientEvents[K]>,
    options?: RequestOptions,
  ): Promise<ReplyOf<ClientEvents[K]>>;
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
