import { _ as Ratio, a as bytesOf, b as keyword, c as instant, d as wellFormed, f as wholeNumber, g as List, h as Keyword, i as base64Of, l as mapOf, m as EdnSymbol, n as areDistinct, o as entriesOf, p as Decimal, r as asValue, s as fromPacket, u as toPacket, v as Tagged, y as Uuid } from "./shape-DKvp6jhV.js";
const BLANK = /(?:[\s,]+|;[^\n]*)*/y;
const TOKEN$1 = /[^\s,;"()[\]{}\\^`~@]+/y;
const STRING = /"([^"\\]*(?:\\[\s\S][^"\\]*)*)"/y;
const CHARACTER = /\\(u[\da-fA-F]{4}|o[0-3]?[0-7]{1,2}|[a-z]{2,}|[\s\S])/uy;
const INTEGER = /^[+-]?(?:0|[1-9]\d*)(N?)$/;
const FLOAT = /^[+-]?(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][+-]?\d+)?(M?)$/;
const RATIO = /^[+-]?\d+\/\d+$/;
const ESCAPES$1 = {
  t: "	",
  r: "\r",
  n: "\n",
  b: "\b",
  f: "\f",
  "\\": "\\",
  '"': '"'
};
const CHARACTERS = {
  newline: "\n",
  space: " ",
  tab: "	",
  return: "\r",
  formfeed: "\f",
  backspace: "\b"
};
const CLOSERS = {
  "(": ")",
  "[": "]",
  "{": "}"
};
function readAll(text, keywords = "strings") {
  if (typeof text !== "string") throw new SyntaxError("EDN: a message of bytes");
  return new Reader(text, keywords).all();
}
var Reader = class {
  #text;
  #keywords;
  #at = 0;
  #depth = 0;
  constructor(text, keywords) {
    this.#text = text;
    this.#keywords = keywords;
  }
  all() {
    const values = [];
    while (this.#more()) values.push(this.#form());
    return values;
  }
  /** Passes over what means nothing, and says whether a form or a closing bracket follows. */
  #more() {
    for (; ; ) {
      this.#match(BLANK);
      if (!this.#text.startsWith("#_", this.#at)) return this.#at < this.#text.length;
      this.#at += 2;
      this.#next();
    }
  }
  /** The form that must follow. */
  #next() {
    this.#depth += 1;
    if (this.#depth > 256) this.#fail(`nested deeper than 256`);
    if (!this.#more()) this.#fail("the text ends too early");
    const value = this.#form();
    this.#depth -= 1;
    return value;
  }
  #form() {
    const first = this.#text[this.#at];
    if (first === '"') return this.#string();
    if (first === "\\") return this.#character();
    if (first === "#") return this.#dispatch();
    if (first === "[") return this.#items("[");
    if (first === "(") return this.#list();
    if (first === "{") return this.#map(this.#entries(), void 0);
    if (first === "^") return this.#withoutMetadata();
    return this.#atom(this.#token());
  }
  #items(opener) {
    const closer = CLOSERS[opener];
    const items = [];
    this.#at += 1;
    this.#depth += 1;
    if (this.#depth > 256) this.#fail(`nested deeper than 256`);
    for (; ; ) {
      if (!this.#more()) this.#fail(`${closer} is missing`);
      if (this.#text[this.#at] === closer) break;
      items.push(this.#form());
    }
    this.#at += 1;
    this.#depth -= 1;
    return items;
  }
  #list() {
    const items = this.#items("(");
    return this.#keywords === "preserve" ? new List(items) : items;
  }
  #map(items, namespace) {
    if (items.length % 2 === 1) this.#fail("a map has a key without a value");
    return mapOf(items.filter((_, i) => i % 2 === 0).map((key) => this.#qualified(key, namespace)), items.filter((_, i) => i % 2 === 1), this.#keywords) ?? this.#fail("the same key twice");
  }
  /** Inside `#:ns{…}` a bare keyword belongs to `ns`, and `:_/a` to none. */
  #qualified(key, namespace) {
    if (namespace === void 0 || !(key instanceof Keyword)) return key;
    return new Keyword((key.name.startsWith("_/") ? key.name.slice(2) : void 0) ?? (key.name.includes("/") ? key.name : `${namespace}/${key.name}`));
  }
  #dispatch() {
    const second = this.#text[this.#at + 1];
    this.#at += 1;
    if (second === "{") return this.#set(this.#items("{"));
    if (second === "#") return this.#symbolic();
    if (second === ":") return this.#namespaceMap();
    const tag = this.#token();
    return this.#tagged(tag, this.#next());
  }
  #symbolic() {
    this.#at += 1;
    const name = this.#token();
    if (name === "Inf") return Infinity;
    if (name === "-Inf") return Number.NEGATIVE_INFINITY;
    return name === "NaN" ? NaN : this.#fail(`##${name} is unknown`);
  }
  #set(items) {
    return areDistinct(items) ? new Set(items) : this.#fail("the same element twice");
  }
  /** `^meta form` is the form. */
  #withoutMetadata() {
    this.#at += 1;
    this.#next();
    return this.#next();
  }
  #namespaceMap() {
    const namespace = this.#token().slice(1);
    if (!this.#more() || this.#text[this.#at] !== "{") this.#fail("a namespace without its map");
    return this.#map(this.#entries(), namespace);
  }
  /** The items of a map, its keys as keywords even where those become strings. */
  #entries() {
    const items = [];
    this.#at += 1;
    this.#depth += 1;
    if (this.#depth > 256) this.#fail(`nested deeper than 256`);
    for (; ; ) {
      if (!this.#more()) this.#fail("} is missing");
      if (this.#text[this.#at] === "}") break;
      const isKey = items.length % 2 === 0 && this.#text[this.#at] === ":";
      items.push(isKey ? this.#keyword(this.#token()) : this.#form());
    }
    this.#at += 1;
    this.#depth -= 1;
    return items;
  }
  #tagged(tag, value) {
    if (tag === "inst") return this.#instant(value);
    if (tag === "bytes" && typeof value === "string") return this.#try(() => bytesOf(value));
    if (tag === "uuid") return typeof value === "string" ? this.#try(() => new Uuid(value)) : this.#fail("#uuid");
    return new Tagged(tag, value);
  }
  #instant(value) {
    return (typeof value === "string" ? instant(value) : void 0) ?? this.#fail("#inst without a date");
  }
  #string() {
    const raw = this.#match(STRING)?.[1] ?? this.#fail("a string does not end");
    if (!raw.includes("\\")) return raw;
    const text = raw.replace(/\\(u[\da-fA-F]{4}|o?[0-3]?[0-7]{1,2}|[\s\S])/g, (_, code) => {
      if (code.length === 5) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
      return ESCAPES$1[code] ?? this.#fail(`\\${code} is no escape`);
    });
    return this.#try(() => wellFormed(text));
  }
  #character() {
    const code = this.#match(CHARACTER)?.[1] ?? this.#fail("a character is missing");
    if (/^u.{4}$/.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    if (/^o\d/.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 8));
    return [...code].length === 1 ? code : CHARACTERS[code] ?? this.#fail(`\\${code} is no character`);
  }
  #token() {
    return this.#match(TOKEN$1)?.[0] ?? this.#fail("not expected here");
  }
  #atom(token2) {
    if (token2[0] === ":") return asValue(this.#keyword(token2), this.#keywords);
    if (token2 === "nil") return null;
    if (token2 === "true" || token2 === "false") return token2 === "true";
    return /^[+-]?\d/.test(token2) ? this.#number(token2) : new EdnSymbol(token2);
  }
  #keyword(token2) {
    return /^:[^:]/.test(token2) ? new Keyword(token2.slice(1)) : this.#fail("a keyword without a name");
  }
  #number(token2) {
    const integer = INTEGER.exec(token2);
    if (integer) {
      const digits = token2.replace(/^\+|N$/g, "");
      return integer[1] ? BigInt(digits) : wholeNumber(digits);
    }
    const float = FLOAT.exec(token2);
    if (float) return float[1] ? new Decimal(token2.slice(0, -1)) : Number(token2);
    return RATIO.test(token2) ? this.#try(() => new Ratio(token2)) : this.#fail(`${token2} is no number`);
  }
  #match(pattern) {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match) this.#at = pattern.lastIndex;
    return match;
  }
  #try(make) {
    try {
      return make();
    } catch (error) {
      return this.#fail(String(error));
    }
  }
  #fail(why) {
    throw new SyntaxError(`EDN at ${this.#at}: ${why}`);
  }
};
const TOKEN = /^[^\s,;"()[\]{}\\^`~@]+$/;
function write(value, depth = 0) {
  if (depth > 256) throw new RangeError(`nested deeper than 256`);
  if (value === null || value === void 0) return "nil";
  if (typeof value === "string") return writeString(value);
  if (typeof value === "number") return writeNumber(value);
  if (typeof value === "boolean") return String(value);
  if (typeof value === "bigint") return `${value}N`;
  if (typeof value === "object") return writeObject(value, depth + 1);
  throw new TypeError(`EDN has no ${typeof value}`);
}
const ESCAPES = {
  "	": "\\t",
  "\r": "\\r",
  "\n": "\\n",
  "\b": "\\b",
  "\f": "\\f",
  "\\": "\\\\",
  '"': '\\"'
};
function writeString(text) {
  return `"${wellFormed(text).replace(/["\\\t\r\n\b\f]/g, (character) => ESCAPES[character] ?? character)}"`;
}
function writeNumber(value) {
  if (Number.isNaN(value)) return "##NaN";
  if (!Number.isFinite(value)) return value > 0 ? "##Inf" : "##-Inf";
  if (Object.is(value, -0)) return "-0.0";
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? value.toExponential() : String(value);
}
function writeObject(value, depth) {
  const item = (inner) => write(inner, depth);
  if (Array.isArray(value)) return `[${value.map(item).join(" ")}]`;
  if (value instanceof Set) return `#{${[...value].map(item).join(" ")}}`;
  if (value instanceof List) return `(${value.items.map(item).join(" ")})`;
  if (value instanceof Keyword) return `:${token(value.name)}`;
  if (value instanceof EdnSymbol) return token(value.name);
  if (value instanceof Date) return `#inst "${value.toISOString().replace("Z", "-00:00")}"`;
  if (value instanceof Uuid) return `#uuid "${value.text}"`;
  if (value instanceof Decimal) return `${value.text}M`;
  if (value instanceof Ratio) return value.text;
  if (value instanceof Tagged) return `#${token(value.tag)} ${item(value.value)}`;
  if (value instanceof Uint8Array) return `#bytes "${base64Of(value)}"`;
  return `{${entriesOf(value).map((entry) => entry.map(item).join(" ")).join(", ")}}`;
}
function token(name) {
  if (!TOKEN.test(name)) throw new TypeError(`EDN cannot write the name ${JSON.stringify(name)}`);
  return name;
}
function edn({ keywords = "strings" } = {}) {
  return {
    name: "edn",
    contentType: "application/edn",
    encode: (packet) => write(fromPacket(packet)),
    decode: (text) => readAll(text, keywords).map(toPacket)
  };
}
export { Decimal, EdnSymbol, Keyword, List, Ratio, Tagged, Uuid, edn, keyword, readAll, write };
