//#region src/codec.d.ts
/** What a codec has to do, for those who bring their own. */
/** Names the request a packet belongs to; `null` for none, `"ajax"` in the POST of a Sente client. */
type Slot = number | string | null;
interface Outgoing {
  id: string;
  /** `undefined` writes an event of one element. */
  data: unknown;
  slot: Slot;
}
/** A packet as it came. The wire's own ids are plain strings without a colon, however the codec reads keywords. */
interface Incoming {
  payload: unknown;
  slot: Slot;
}
/** What travels: text, or bytes. */
type Message = string | Uint8Array<ArrayBuffer>;
/** Packets to messages and back. */
interface Codec<M extends Message = Message> {
  /** The value of `codec=` in the query. */
  readonly name: string;
  /** The content type of a POST. */
  readonly contentType: string;
  /** Whether messages are bytes. Several in a body follow one another as they are; those of text, one a line. */
  readonly binary?: boolean;
  /** @throws when the data has no form in this codec. */
  encode(packet: Outgoing): M;
  /** Reads all packets of a message or a response; bytes come as an `ArrayBuffer`. @throws on anything else. */
  decode(message: M | ArrayBuffer): Incoming[];
}
//#endregion
export { Slot as a, Outgoing as i, Incoming as n, Message as r, Codec as t };