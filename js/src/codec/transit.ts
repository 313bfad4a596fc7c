/** Transit: one packet a line. */
import type { Codec } from "../codec.js";
import { fromPacket, toPacket } from "./shape.js";
import { readAll } from "./transit/read.js";
import { type Style, write } from "./transit/write.js";
import type { Keywords } from "./values.js";

export interface TransitOptions {
  /**
   * `"strings"` (default) reads `:ns/a` as `"ns/a"` and lists as arrays: the shapes that JSON has.
   * `"preserve"` reads `Keyword` and `List`, so that what is read is written as it was.
   */
  keywords?: Keywords;
  /** `"json"` (default) is short; `"verbose"` is for people to read. Either is read, and the server's is its own choice. */
  style?: Style;
}

/** The transit codec; the server's is chosen by `codec=transit`, or `codec=transit-verbose` with that style. */
export function transit({ keywords = "strings", style = "json" }: TransitOptions = {}): Codec<string> {
  return {
    name: style === "verbose" ? "transit-verbose" : "transit",
    contentType: "application/transit+json",
    encode: (packet) => write(fromPacket(packet), style),
    decode: (text: string) => readAll(text, keywords).map(toPacket),
  };
}
