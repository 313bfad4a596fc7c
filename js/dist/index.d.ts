import { a as Slot, i as Outgoing, n as Incoming, r as Message, t as Codec } from "./codec-CsQyxNPL.js";
import { C as Reason, E as Waiting, S as Open, T as Verdict, _ as SendError, a as Fetch, b as Connecting, c as ReplyOf, d as Transport, f as WebSocketConstructor, g as RequestErrorCode, h as RequestError, i as Exchange, l as RequestOptions, m as ConnectError, n as DataOf, o as Options, p as WebSocketLike, r as Delivery, s as OutboxKind, t as Client, u as SendOptions, v as SendErrorCode, w as State, x as Gap, y as Closed } from "./types-YMbP0qc-.js";

//#region src/codec/json.d.ts
/** The JSON codec: a `bigint` is written as a string. The server's is chosen by `codec=json`. */
declare function json(): Codec<string>;
//#endregion
//#region src/connect.d.ts
/** The events of an application that has not declared any. */
type AnyEvents = Record<string, unknown>;
/**
 * Connects, and stays connected until `close()`. `url` is the server's, or a path on the page's; the protocol is
 * HTTP and WebSocket in turn, whichever the URL names.
 * @throws TypeError when the URL cannot be understood, or completed by a page.
 */
declare function connect<S extends object = AnyEvents, C extends object = AnyEvents>(url?: string, options?: Options): Client<S, C>;
//#endregion
export { type AnyEvents, type Client, type Closed, type Codec, ConnectError, type Connecting, type DataOf, type Delivery, type Exchange, type Fetch, type Gap, type Incoming, type Message, type Open, type Options, type OutboxKind, type Outgoing, type Reason, type ReplyOf, RequestError, type RequestErrorCode, type RequestOptions, SendError, type SendErrorCode, type SendOptions, type Slot, type State, type Transport, type Verdict, type Waiting, type WebSocketConstructor, type WebSocketLike, connect, json };