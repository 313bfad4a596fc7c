/** How a connection is doing: one value that a badge can show. */
import type { Transport } from "./types.js";

/** Why there is no connection, or no better one. */
export type Reason =
  /** The network failed, or nobody answered. */
  | "network"
  /** The handshake, a ping's answer or an HTTP answer did not come in time. */
  | "timeout"
  /** The server closed; `code` and `message` say why. */
  | "server"
  /** The server is busy or shutting down, and said when to come back (503, or before it closed). */
  | "busy"
  /** The server refuses this client (401, 402, 403; `httpStatus` says which). It stays so until `reconnect()`. */
  | "refused"
  /** The server calls the request a mistake (400): an unknown codec, a bad client id. */
  | "rejected"
  /** The server sent what cannot be understood. */
  | "bad-frame"
  /** The server no longer knows the session. */
  | "session-gone"
  /** Another connection took the session over. */
  | "replaced"
  /** `csrfToken` failed. */
  | "token"
  /** Nothing that `transports` allows exists here. */
  | "no-transport"
  /** `close()` was called. */
  | "closed"
  /** `reconnect()` was called. */
  | "reconnect";

/** What was learnt about WebSockets on the way to the server. */
export type Verdict =
  /** They work, or nothing is known yet. */
  | "fine"
  /** There is no constructor, or `transports` leaves them out. */
  | "unavailable"
  /** The upgrade fails: refused by a proxy or the server. */
  | "refused"
  /** The upgrade succeeds, or seems to, and then nothing comes. */
  | "mute"
  /** They open, but are cut within seconds, again and again. */
  | "unstable";

export interface Connecting {
  status: "connecting";
  transport: Transport;
  /** The number of attempts that failed since the last good connection. */
  attempt: number;
  offline: boolean;
}

export interface Open {
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

export interface Waiting {
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

export interface Closed {
  status: "closed";
  reason: Reason;
  code?: number;
  httpStatus?: number;
  message?: string;
}

/** Events and replies that the server sent, or would have, and this client will never get. */
export interface Gap {
  /** The number of the first; items are counted from 1 in each session. */
  from: number;
  /** The number of the last; `undefined` when nobody knows. */
  to?: number;
  why: /** More waited than the server keeps. */
    | "overflow"
    /** This client was away for longer than the server keeps a session. */
    | "expired"
    /** The server was restarted. */
    | "restarted"
    /** The two ends counted differently. */
    | "desync";
}

export type State = Connecting | Open | Waiting | Closed;

/** How a carrier came to its end. */
export interface Loss {
  reason: Reason;
  code?: number;
  httpStatus?: number;
  message?: string;
  /** The server's `Retry-After`, in ms. */
  retryAfterMs?: number;
}
