import { c as Uuid, i as Keywords, l as keyword, n as EdnSymbol, o as Ratio, r as Keyword, s as Tagged, t as Decimal } from "./values-BTjUWSCp.js";
import { t as Codec } from "./codec-CsQyxNPL.js";

//#region src/codec/msgpack/read.d.ts
/** All values of `message`; zeros after one are ignored, since Sente's clients pad with them. @throws SyntaxError */
declare function readAll(message: ArrayBuffer | Uint8Array, keywords?: Keywords): unknown[];
//#endregion
//#region src/codec/msgpack/write.d.ts
/** @throws TypeError when a value has no form in MessagePack, RangeError when it is nested too deep, or in itself. */
declare function write(value: unknown): Uint8Array<ArrayBuffer>;
//#endregion
//#region src/codec/msgpack.d.ts
interface MsgpackOptions {
  /**
   * `"strings"` (default) reads `:ns/a` as `"ns/a"`: the shapes that JSON has.
   * `"preserve"` reads `Keyword`, so that what is read is written as it was. Lists are arrays here in any case.
   */
  keywords?: Keywords;
}
/** The MessagePack codec; the server's is chosen by `codec=msgpack`. Its messages are binary. */
declare function msgpack({
  keywords
}?: MsgpackOptions): Codec<Uint8Array<ArrayBuffer>>;
//#endregion
export { Decimal, EdnSymbol, Keyword, type Keywords, type MsgpackOptions, Ratio, Tagged, Uuid, keyword, msgpack, readAll, write };