/** What reading and writing MessagePack share. */

/** The types of extensions: Sente's own, and −1 of MessagePack. */
export const KEYWORD = 0;
export const SYMBOL = 1;
export const CHARACTER = 2;
export const RATIO = 3;
export const SET = 4;
export const KEY = 8;
export const UUID = 9;
export const TIMESTAMP = -1;

const KNOWN = [KEYWORD, SYMBOL, CHARACTER, RATIO, SET, KEY, UUID, TIMESTAMP];

/** How many keys of a message may be referred to. */
export const KEYS = 256;

/** The tag of extensions that nobody knows, before their number; what it tags is bytes. */
export const TAG = "msgpack/ext";

/** @returns the number of the extension that a tag stands for, when nobody knows it. */
export function unknownExtension(tag: string): number | undefined {
  const digits = /^msgpack\/ext(0|-?[1-9]\d{0,2})$/.exec(tag)?.[1];
  const kind = Number(digits ?? Number.NaN);
  return kind >= -128 && kind < 128 && !KNOWN.includes(kind) ? kind : undefined;
}
