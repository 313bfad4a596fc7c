/** Channel sockets for the browser and Node. The codecs beside JSON are `tsugi/edn`, `tsugi/transit` and `tsugi/msgpack`. */

export { json } from "./codec/json.js";
export type { Codec, Incoming, Message, Outgoing, Slot } from "./codec.js";
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
  Delivery,
  Exchange,
  Fetch,
  Options,
  OutboxKind,
  ReplyOf,
  RequestOptions,
  SendOptions,
  Transport,
  WebSocketConstructor,
  WebSocketLike,
} from "./types.js";
