/** EDN text to values. */
import { areDistinct, asValue, bytesOf, instant, mapOf, wellFormed, wholeNumber } from "../shape.js";
import {
  Decimal,
  EdnSymbol,
  Keyword,
  type Keywords,
  List,
  MAX_DEPTH,
  Ratio,
  Tagged,
  Uuid,
} from "../values.js";

const BLANK = /(?:[\s,]+|;[^\n]*)*/y;
const TOKEN = /[^\s,;"()[\]{}\\^`~@]+/y;
const STRING = /"([^"\\]*(?:\\[\s\S][^"\\]*)*)"/y;
const CHARACTER = /\\(u[\da-fA-F]{4}|o[0-3]?[0-7]{1,2}|[a-z]{2,}|[\s\S])/uy;
const INTEGER = /^[+-]?(?:0|[1-9]\d*)(N?)$/;
const FLOAT = /^[+-]?(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][+-]?\d+)?(M?)$/;
const RATIO = /^[+-]?\d+\/\d+$/;
const ESCAPES: Record<string, string> = { t: "\t", r: "\r", n: "\n", b: "\b", f: "\f", "\\": "\\", '"': '"' };
const CHARACTERS: Record<string, string> = {
  newline: "\n",
  space: " ",
  tab: "\t",
  return: "\r",
  formfeed: "\f",
  backspace: "\b",
};
const CLOSERS: Record<string, string> = { "(": ")", "[": "]", "{": "}" };

/** All forms of `text`. @throws SyntaxError */
export function readAll(text: string, keywords: Keywords = "strings"): unknown[] {
  if (typeof text !== "string") throw new SyntaxError("EDN: a message of bytes");
  return new Reader(text, keywords).all();
}

class Reader {
  readonly #text: string;
  readonly #keywords: Keywords;
  #at = 0;
  #depth = 0;

  constructor(text: string, keywords: Keywords) {
    this.#text = text;
    this.#keywords = keywords;
  }

  all(): unknown[] {
    const values: unknown[] = [];
    while (this.#more()) values.push(this.#form());
    return values;
  }

  /** Passes over what means nothing, and says whether a form or a closing bracket follows. */
  #more(): boolean {
    for (;;) {
      this.#match(BLANK);
      if (!this.#text.startsWith("#_", this.#at)) return this.#at < this.#text.length;
      this.#at += 2;
      this.#next();
    }
  }

  /** The form that must follow. */
  #next(): unknown {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) this.#fail(`nested deeper than ${MAX_DEPTH}`);
    if (!this.#more()) this.#fail("the text ends too early");
    const value = this.#form();
    this.#depth -= 1;
    return value;
  }

  #form(): unknown {
    const first = this.#text[this.#at] as string;
    if (first === '"') return this.#string();
    if (first === "\\") return this.#character();
    if (first === "#") return this.#dispatch();
    if (first === "[") return this.#items("[");
    if (first === "(") return this.#list();
    if (first === "{") return this.#map(this.#entries(), undefined);
    if (first === "^") return this.#withoutMetadata();
    return this.#atom(this.#token());
  }

  #items(opener: string): unknown[] {
    const closer = CLOSERS[opener] as string;
    const items: unknown[] = [];
    this.#at += 1;
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) this.#fail(`nested deeper than ${MAX_DEPTH}`);
    for (;;) {
      if (!this.#more()) this.#fail(`${closer} is missing`);
      if (this.#text[this.#at] === closer) break;
      items.push(this.#form());
    }
    this.#at += 1;
    this.#depth -= 1;
    return items;
  }

  #list(): unknown {
    const items = this.#items("(");
    return this.#keywords === "preserve" ? new List(items) : items;
  }

  #map(items: readonly unknown[], namespace: string | undefined): unknown {
    if (items.length % 2 === 1) this.#fail("a map has a key without a value");
    const keys = items.filter((_, i) => i % 2 === 0).map((key) => this.#qualified(key, namespace));
    const values = items.filter((_, i) => i % 2 === 1);
    return mapOf(keys, values, this.#keywords) ?? this.#fail("the same key twice");
  }

  /** Inside `#:ns{…}` a bare keyword belongs to `ns`, and `:_/a` to none. */
  #qualified(key: unknown, namespace: string | undefined): unknown {
    if (namespace === undefined || !(key instanceof Keyword)) return key;
    const bare = key.name.startsWith("_/") ? key.name.slice(2) : undefined;
    const name = bare ?? (key.name.includes("/") ? key.name : `${namespace}/${key.name}`);
    return new Keyword(name);
  }

  #dispatch(): unknown {
    const second = this.#text[this.#at + 1];
    this.#at += 1;
    if (second === "{") return this.#set(this.#items("{"));
    if (second === "#") return this.#symbolic();
    if (second === ":") return this.#namespaceMap();
    const tag = this.#token();
    return this.#tagged(tag, this.#next());
  }

  #symbolic(): number {
    this.#at += 1;
    const name = this.#token();
    if (name === "Inf") return Number.POSITIVE_INFINITY;
    if (name === "-Inf") return Number.NEGATIVE_INFINITY;
    return name === "NaN" ? Number.NaN : this.#fail(`##${name} is unknown`);
  }

  #set(items: readonly unknown[]): Set<unknown> {
    return areDistinct(items) ? new Set(items) : this.#fail("the same element twice");
  }

  /** `^meta form` is the form. */
  #withoutMetadata(): unknown {
    this.#at += 1;
    this.#next();
    return this.#next();
  }

  #namespaceMap(): unknown {
    const namespace = this.#token().slice(1);
    if (!this.#more() || this.#text[this.#at] !== "{") this.#fail("a namespace without its map");
    return this.#map(this.#entries(), namespace);
  }

  /** The items of a map, its keys as keywords even where those become strings. */
  #entries(): unknown[] {
    const items: unknown[] = [];
    this.#at += 1;
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) this.#fail(`nested deeper than ${MAX_DEPTH}`);
    for (;;) {
      if (!this.#more()) this.#fail("} is missing");
      if (this.#text[this.#at] === "}") break;
      const isKey = items.length % 2 === 0 && this.#text[this.#at] === ":";
      items.push(isKey ? this.#keyword(this.#token()) : this.#form());
    }
    this.#at += 1;
    this.#depth -= 1;
    return items;
  }

  #tagged(tag: string, value: unknown): unknown {
    if (tag === "inst") return this.#instant(value);
    if (tag === "bytes" && typeof value === "string") return this.#try(() => bytesOf(value));
    if (tag === "uuid")
      return typeof value === "string" ? this.#try(() => new Uuid(value)) : this.#fail("#uuid");
    return new Tagged(tag, value);
  }

  #instant(value: unknown): Date {
    return (typeof value === "string" ? instant(value) : undefined) ?? this.#fail("#inst without a date");
  }

  #string(): string {
    const raw = this.#match(STRING)?.[1] ?? this.#fail("a string does not end");
    if (!raw.includes("\\")) return raw;
    const text = raw.replace(/\\(u[\da-fA-F]{4}|o?[0-3]?[0-7]{1,2}|[\s\S])/g, (_, code: string) => {
      if (code.length === 5) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
      return ESCAPES[code] ?? this.#fail(`\\${code} is no escape`);
    });
    return this.#try(() => wellFormed(text));
  }

  #character(): string {
    const code = this.#match(CHARACTER)?.[1] ?? this.#fail("a character is missing");
    if (/^u.{4}$/.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    if (/^o\d/.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 8));
    return [...code].length === 1 ? code : (CHARACTERS[code] ?? this.#fail(`\\${code} is no character`));
  }

  #token(): string {
    return this.#match(TOKEN)?.[0] ?? this.#fail("not expected here");
  }

  #atom(token: string): unknown {
    if (token[0] === ":") return asValue(this.#keyword(token), this.#keywords);
    if (token === "nil") return null;
    if (token === "true" || token === "false") return token === "true";
    return /^[+-]?\d/.test(token) ? this.#number(token) : new EdnSymbol(token);
  }

  #keyword(token: string): Keyword {
    return /^:[^:]/.test(token) ? new Keyword(token.slice(1)) : this.#fail("a keyword without a name");
  }

  #number(token: string): unknown {
    const integer = INTEGER.exec(token);
    if (integer) {
      const digits = token.replace(/^\+|N$/g, "");
      return integer[1] ? BigInt(digits) : wholeNumber(digits);
    }
    const float = FLOAT.exec(token);
    if (float) return float[1] ? new Decimal(token.slice(0, -1)) : Number(token);
    return RATIO.test(token) ? this.#try(() => new Ratio(token)) : this.#fail(`${token} is no number`);
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match) this.#at = pattern.lastIndex;
    return match;
  }

  #try<T>(make: () => T): T {
    try {
      return make();
    } catch (error) {
      return this.#fail(String(error));
    }
  }

  #fail(why: string): never {
    throw new SyntaxError(`EDN at ${this.#at}: ${why}`);
  }
}
