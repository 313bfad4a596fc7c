/** MessagePack: one packet after another, as bytes. */
import type { Codec } from "../codec.js";
import { readAll } from "./msgpack/read.js";
import { write } from "./msgpack/write.js";
import { fromPacket, toPacket } from "./shape.js";
import type { Keywords } from "./values.js";

export interface MsgpackOptions {
  /**
   * `"strings"` (default) reads `:ns/a` as `"ns/a"`: the shapes that JSON has.
   * `"preserve"` reads `Keyword`, so that what is read is written as it was. Lists are arrays here in any case.
   */
  keywords?: Keywords;
}

/** The MessagePack codec; the server's is chosen by `codec=msgpack`. Its messages are binary. */
export function msgpack({ keywords = "strings" }: MsgpackOptions = {}): Codec<Uint8Array<ArrayBuffer>> {
  return {
    name: "msgpack",
    contentType: "application/vnd.msgpack",
    binary: true,
    encode: (packet) => write(fromPacket(packet)),
    decode: (bytes) => readAll(bytes, keywords).map(toPacket),
  };
}
