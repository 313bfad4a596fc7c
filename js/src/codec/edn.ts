/** EDN: one packet after another. */
import type { Codec } from "../codec.js";
import { readAll } from "./edn/read.js";
import { write } from "./edn/write.js";
import { fromPacket, toPacket } from "./shape.js";
import type { Keywords } from "./values.js";

export interface EdnOptions {
  /**
   * `"strings"` (default) reads `:ns/a` as `"ns/a"` and lists as arrays: the shapes that JSON has.
   * `"preserve"` reads `Keyword` and `List`, so that what is read is written as it was.
   */
  keywords?: Keywords;
}

/** The EDN codec; the server's is chosen by `codec=edn`, and is the default of Sente's. */
export function edn({ keywords = "strings" }: EdnOptions = {}): Codec<string> {
  return {
    name: "edn",
    contentType: "application/edn",
    encode: (packet) => write(fromPacket(packet)),
    decode: (text: string) => readAll(text, keywords).map(toPacket),
  };
}
