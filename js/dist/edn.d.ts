import { a as List, c as Uuid, i as Keywords, l as keyword, n as EdnSymbol, o as Ratio, r as Keyword, s as Tagged, t as Decimal } from "./values-BTjUWSCp.js";
import { t as Codec } from "./codec-CsQyxNPL.js";

//#region src/codec/edn/read.d.ts
/** All forms of `text`. @throws SyntaxError */
declare function readAll(text: string, keywords?: Keywords): unknown[];
//#endregion
//#region src/codec/edn/write.d.ts
/** @throws TypeError when a value has no form in EDN, RangeError when it is nested too deep, or in itself. */
declare function write(value: unknown, depth?: number): string;
//#endregion
//#region src/codec/edn.d.ts
interface EdnOptions {
  /**
   * `"strings"` (default) reads `:ns/a` as `"ns/a"` and lists as arrays: the shapes that JSON has.
   * `"preserve"` reads `Keyword` and `List`, so that what is read is written as it was.
   */
  keywords?: Keywords;
}
/** The EDN codec; the server's is chosen by `codec=edn`, and is the default of Sente's. */
declare function edn({
  keywords
}?: EdnOptions): Codec<string>;
//#endregion
export { Decimal, type EdnOptions, EdnSymbol, Keyword, type Keywords, List, Ratio, Tagged, Uuid, edn, keyword, readAll, write };