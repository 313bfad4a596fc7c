import { a as List, c as Uuid, i as Keywords, l as keyword, n as EdnSymbol, o as Ratio, r as Keyword, s as Tagged, t as Decimal } from "./values-BTjUWSCp.js";
import { t as Codec } from "./codec-CsQyxNPL.js";

//#region src/codec/transit/read.d.ts
/** The value of each line of `text`. @throws SyntaxError */
declare function readAll(text: string, keywords?: Keywords): unknown[];
//#endregion
//#region src/codec/transit/write.d.ts
/** `"json"`: short, with codes for what comes again. `"verbose"`: for people to read. */
type Style = "json" | "verbose";
/**
 * What JSON would write without a bracket is quoted with `["~#'",…]`.
 * @throws TypeError when a value has no form in transit, RangeError when it is nested too deep, or in itself.
 */
declare function write(value: unknown, style?: Style): string;
//#endregion
//#region src/codec/transit.d.ts
interface TransitOptions {
  /**
   * `"strings"` (default) reads `:ns/a` as `"ns/a"` and lists as arrays: the shapes that JSON has.
   * `"preserve"` reads `Keyword` and `List`, so that what is read is written as it was.
   */
  keywords?: Keywords;
  /** `"json"` (default) is short; `"verbose"` is for people to read. Either is read, and the server's is its own choice. */
  style?: Style;
}
/** The transit codec; the server's is chosen by `codec=transit`, or `codec=transit-verbose` with that style. */
declare function transit({
  keywords,
  style
}?: TransitOptions): Codec<string>;
//#endregion
export { Decimal, EdnSymbol, Keyword, type Keywords, List, Ratio, type Style, Tagged, type TransitOptions, Uuid, keyword, readAll, transit, write };