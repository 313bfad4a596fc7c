/** One error class per question a caller asks. */
import type { Closed } from "./state.js";

/** Why an event was not accepted. */
export type SendErrorCode =
  /** There is no connection, and none will come, or `whileDown` says not to wait for one. */
  | "disconnected"
  /** Larger than the server accepts. */
  | "too-large"
  /** More waits to be sent than `maxQueue`. */
  | "queue-full"
  /** The id has no namespace or is reserved, or the codec cannot write the data. */
  | "bad-event";

/** Why a request has no reply; besides these the failure codes of the server and of the application. */
export type RequestErrorCode =
  | SendErrorCode
  /** Not done in time. If it was sent it may have been handled. */
  | "timeout"
  /** `close()` was called, or the server ended the connection for good. */
  | "closed"
  /** Its `signal` or `cancel()` said so. */
  | "aborted"
  /** The server now takes this client for another user. */
  | "other-user"
  /** It was handled, and its reply will not come: it came to the page before, or the server could not keep it. */
  | "reply-lost"
  /** A volatile event that could not leave at once. */
  | "dropped"
  | (string & {});

/** A request failed. */
export class RequestError extends Error {
  readonly code: RequestErrorCode;
  /** What the server said besides; `undefined` when the failure is the client's own. */
  readonly data: unknown;
  constructor(code: RequestErrorCode, message: string = code, data?: unknown) {
    super(message);
    this.name = "RequestError";
    this.code = code;
    this.data = data;
  }
}

/** `send` did not accept the event, or `request`, which then rejects with it. */
export class SendError extends RequestError {
  declare readonly code: SendErrorCode;
  constructor(code: SendErrorCode, message: string) {
    super(code, message);
    this.name = "SendError";
  }
}

/** There will be no connection, unless `reconnect()` is called. */
export class ConnectError extends Error {
  readonly state: Closed;
  constructor(state: Closed) {
    super(state.message ?? state.reason);
    this.name = "ConnectError";
    this.state = state;
  }
}

/** What the server says when it failed: `["chsk/error", {…}]`. */
export function failureIn(reply: unknown): RequestError | undefined {
  if (!Array.isArray(reply) || reply[0] !== "chsk/error") return undefined;
  const { code, message, data } = Object(reply[1]) as Record<string, unknown>;
  return new RequestError(String(code ?? "failed"), message ? String(message) : undefined, data);
}
