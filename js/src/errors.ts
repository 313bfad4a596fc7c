/** One error class per question a caller asks. */
import type { Closed } from "./state.js";

/** Why an event was not accepted. */
export type SendErrorCode =
  /** There is no connection: normal, try again when `state` is open. */
  | "disconnected"
  /** Larger than the server accepts. */
  | "too-large"
  /** More waits to be sent than `maxQueue`. */
  | "queue-full"
  /** The id has no namespace or is reserved, or the codec cannot write the data. */
  | "bad-event";

/** `send` did not accept the event. */
export class SendError extends Error {
  readonly code: SendErrorCode;
  constructor(code: SendErrorCode, message: string = code) {
    super(message);
    this.name = "SendError";
    this.code = code;
  }
}

/** Why a request has no reply; besides these the failure codes of the server and of the application. */
export type RequestErrorCode =
  | SendErrorCode
  /** No reply came in time. It may have been handled. */
  | "timeout"
  /** `close()` was called, or the server ended the connection for good. */
  | "closed"
  /** Its `signal` said so. */
  | "aborted"
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

/** There will be no connection, unless `reconnect()` is called. */
export class ConnectError extends Error {
  readonly state: Closed;
  constructor(state: Closed) {
    super(state.message ?? state.reason);
    this.name = "ConnectError";
    this.state = state;
  }
}

/** What a request that could not even be sent rejects with. */
export function asRequestError(error: unknown): RequestError {
  if (error instanceof RequestError) return error;
  const { code, message } = error as SendError;
  return new RequestError((code as SendErrorCode | undefined) ?? "failed", message);
}
