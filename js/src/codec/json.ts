/** JSON: one packet a line. */
import type { Codec, Incoming, Slot } from "../codec.js";

/** The JSON codec: a `bigint` is written as a string. The server's is chosen by `codec=json`. */
export function json(): Codec<string> {
  return {
    name: "json",
    contentType: "application/json",
    encode: ({ id, data, slot }) => text([data === undefined ? [id] : [id, data], slot]),
    // Bytes become what JSON refuses.
    decode: (lines) =>
      String(lines)
        .split("\n")
        .filter((line) => line.trim())
        .map(packet),
  };
}

/**
 * Integers beyond 2^53 are strings. Only a `bigint` makes the first way fail, or what has no form at all; half a
 * character has none that a server would read.
 */
function text(packet: unknown): string {
  let written: string;
  try {
    written = JSON.stringify(packet);
  } catch {
    written = JSON.stringify(packet, (_, value) => (typeof value === "bigint" ? String(value) : value));
  }
  // JSON escapes nothing else that begins with these two letters, and a backslash of the text comes in twos.
  if (/[^\\](\\\\)*\\ud/.test(written)) throw new TypeError("half a character");
  return written;
}

function packet(line: string): Incoming {
  const value: unknown = JSON.parse(line);
  if (!Array.isArray(value) || value.length < 1) throw new SyntaxError("not a packet");
  return { payload: value[0], slot: (value[1] ?? null) as Slot };
}
