/** JSON: one packet a line. */
import type { Codec, Incoming, Slot } from "../codec.js";

/** The JSON codec; the server's is chosen by `codec=json`. */
export function json(): Codec {
  return {
    name: "json",
    contentType: "application/json",
    encode: ({ id, data, slot }) => JSON.stringify([data === undefined ? [id] : [id, data], slot]),
    decode: (text) => text.split("\n").filter(isSomething).map(packet),
  };
}

const isSomething = (line: string): boolean => line.trim() !== "";

function packet(line: string): Incoming {
  const value: unknown = JSON.parse(line);
  if (!Array.isArray(value) || value.length < 1) throw new SyntaxError("not a packet");
  return { payload: value[0], slot: (value[1] ?? null) as Slot };
}
