/** What a codec has to do, for those who bring their own. */

/** Names the request a packet belongs to; `null` for none, `"ajax"` in the POST of a Sente client. */
export type Slot = number | string | null;

export interface Outgoing {
  id: string;
  /** `undefined` writes an event of one element. */
  data: unknown;
  slot: Slot;
}

/** A packet as it came. The wire's own ids are plain strings without a colon, however the codec reads keywords. */
export interface Incoming {
  payload: unknown;
  slot: Slot;
}

/** Packets to messages and back. */
export interface Codec {
  /** The value of `codec=` in the query. */
  readonly name: string;
  /** The content type of a POST. */
  readonly contentType: string;
  /** @throws when the data has no form in this codec. */
  encode(packet: Outgoing): string;
  /** Reads all packets of a message or a response. @throws on anything else. */
  decode(text: string): Incoming[];
}
