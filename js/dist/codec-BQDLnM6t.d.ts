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
/** Packets to messages and back. */
interface Codec {
  /** The value of `codec=` in the query. */
  readonly name: string;
  /** The content type of a POST. */
  readonly contentType: string;
  /** @throws when the data has no form in this codec. */
  encode(packet: Outgoing): string;
  /** Reads all packets of a message or a response. @throws on anything else. */
  decode(text: string): Incoming[];
}
//#endregion
export { Slot as i, Incoming as n, Outgoing as r, Codec as t };