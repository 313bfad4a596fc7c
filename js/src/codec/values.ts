/** What Clojure can say and JavaScript cannot, for every codec that can say it. */

/** `"strings"`: keywords become strings, lists arrays. `"preserve"`: both keep their kind. */
export type Keywords = "strings" | "preserve";

/** Deeper nesting is neither read nor written, so that nothing can exhaust the stack. */
export const MAX_DEPTH = 256;

/** `:a` or `:ns/a`; `name` is without the colon. EDN cannot write every name. */
export class Keyword {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
  toString(): string {
    return `:${this.name}`;
  }
  toJSON(): string {
    return this.name;
  }
}

/** A keyword to send where a string would stay a string. */
export const keyword = (name: string): Keyword => new Keyword(name);

/** `a` or `ns/a`. */
export class EdnSymbol {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
  toString(): string {
    return this.name;
  }
}

/** `#uuid "…"`, in lower case. */
export class Uuid {
  readonly text: string;
  constructor(text: string) {
    if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text)) throw new TypeError(`${text} is no UUID`);
    this.text = text.toLowerCase();
  }
  toString(): string {
    return this.text;
  }
  toJSON(): string {
    return this.text;
  }
}

/** A decimal of any precision, as written but without the `M`. */
export class Decimal {
  readonly text: string;
  constructor(text: string) {
    if (!/^[+-]?\d+(\.\d*)?([eE][+-]?\d+)?$/.test(text)) throw new TypeError(`${text} is no decimal`);
    this.text = text;
  }
}

/** A ratio, as written: `22/7`. */
export class Ratio {
  readonly text: string;
  constructor(text: string) {
    if (!/^[+-]?\d+\/0*[1-9]\d*$/.test(text)) throw new TypeError(`${text} is no ratio`);
    this.text = text;
  }
}

/** `(1 2)`, which reads as one only with `keywords: "preserve"`. */
export class List {
  readonly items: readonly unknown[];
  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

/** `#tag value` of a tag that nobody here knows. */
export class Tagged {
  readonly tag: string;
  readonly value: unknown;
  constructor(tag: string, value: unknown) {
    this.tag = tag;
    this.value = value;
  }
}
