//#region src/codec/values.d.ts
/** What Clojure can say and JavaScript cannot, for every codec that can say it. */
/** `"strings"`: keywords become strings, lists arrays. `"preserve"`: both keep their kind. */
type Keywords = "strings" | "preserve";
/** `:a` or `:ns/a`; `name` is without the colon. EDN cannot write every name. */
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
export { List as a, Uuid as c, Keywords as i, keyword as l, EdnSymbol as n, Ratio as o, Keyword as r, Tagged as s, Decimal as t };