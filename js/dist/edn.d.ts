import { t as Codec } from "./codec-BQDLnM6t.js";

//#region src/codec/edn/read.d.ts
/** `"strings"`: keywords become strings, lists arrays. `"preserve"`: both keep their kind. */
type Keywords = "strings" | "preserve";
/** All forms of `text`. @throws SyntaxError */
declare function readAll(text: string, keywords?: Keywords): unknown[];
//#endregion
//#region src/codec/edn/values.d.ts
/** `:a` or `:ns/a`; `name` is without the colon. */
declare class Keyword {
  readonly name: string;
  constructor(name: string);
  toString(): string;
  toJSON(): string;
}
/** A keyword to send where a string would stay a string. */
declare const keyword: (name: string) => Keyword;
/** `a` or `ns/a`. */
declare class EdnSymbol {
  readonly name: string;
  constructor(name: string);
  toString(): string;
}
/** `#uuid "…"`, in lower case. */
declare class Uuid {
  readonly text: string;
  constructor(text: string);
  toString(): string;
  toJSON(): string;
}
/** A decimal of any precision, as written but without the `M`. */
declare class Decimal {
  readonly text: string;
  constructor(text: string);
}
/** A ratio, as written: `22/7`. */
declare class Ratio {
  readonly text: string;
  constructor(text: string);
}
/** `(1 2)`, which reads as one only with `keywords: "preserve"`. */
declare class List {
  readonly items: readonly unknown[];
  constructor(items: readonly unknown[]);
}
/** `#tag value` of a tag that nobody here knows. */
declare class Tagged {
  readonly tag: string;
  readonly value: unknown;
  constructor(tag: string, value: unknown);
}
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
}?: EdnOptions): Codec;
//#endregion
export { Decimal, type EdnOptions, EdnSymbol, Keyword, type Keywords, List, Ratio, Tagged, Uuid, edn, keyword, readAll, write };