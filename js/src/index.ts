/** Channel sockets for the browser and Node. `tsugi/edn` holds the EDN codec. */

export { json } from "./codec/json.js";
export type { Codec, Incoming, Outgoing, Slot } from "./codec.js";
export { type AnyEvents, connect } from "./connect.js";
export {
  ConnectError,
  RequestError,
  type RequestErrorCode,
  SendError,
  type SendErrorCode,
} from "./errors.js";
export type { Closed, Connecting, Gap, Open, Reason, State, Verdict, Waiting } from "./state.js";
export type {
  Client,
  DataOf,
  Exchange,
  Fetch,
  Options,
  ReplyOf,
  RequestOptions,
  Transport,
  WebSocketConstructor,
  WebSocketLike,
} from "./types.js";
