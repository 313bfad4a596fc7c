const TOKEN$1 = /^[^\s,;"()[\]{}\\^`~@]+$/;
function token(text, what) {
  if (!TOKEN$1.test(text)) throw new TypeError(`${JSON.stringify(text)} is no ${what}`);
  return text;
}
var Keyword = class {
  name;
  constructor(name2) {
    this.name = token(name2, "keyword");
  }
  toString() {
    return `:${this.name}`;
  }
  toJSON() {
    return this.name;
  }
};
const keyword = (name2) => new Keyword(name2);
var EdnSymbol = class {
  name;
  constructor(name2) {
    this.name = token(name2, "symbol");
  }
  toString() {
    return this.name;
  }
};
var Uuid = class {
  text;
  constructor(text) {
    if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text)) throw new TypeError(`${text} is no UUID`);
    this.text = text.toLowerCase();
  }
  toString() {
    return this.text;
  }
  toJSON() {
    return this.text;
  }
};
var Decimal = class {
  text;
  constructor(text) {
    if (!/^[+-]?\d+(\.\d*)?([eE][+-]?\d+)?$/.test(text)) throw new TypeError(`${text} is no decimal`);
    this.text = text;
  }
};
var Ratio = class {
  text;
  constructor(text) {
    if (!/^[+-]?\d+\/0*[1-9]\d*$/.test(text)) throw new TypeError(`${text} is no ratio`);
    this.text = text;
  }
};
var List = class {
  items;
  constructor(items) {
    this.items = items;
  }
};
var Tagged = class {
  tag;
  value;
  constructor(tag, value) {
    this.tag = token(tag, "tag");
    this.value = value;
  }
};
const NAME = /^[A-Za-z_*!?<>=$%&|+-][\w*!?<>=$%&|+.'#-]*(?:\/[A-Za-z_*!?<>=$%&|+-][\w*!?<>=$%&|+.'#-]*)?$/;
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
const ESCAPES$1 = {
  "	": "\\t",
  "\r": "\\r",
  "\n": "\\n",
  "\b": "\\b",
  "\f": "\\f",
  "\\": "\\\\",
  '"': '\\"'
};
function writeString(text) {
  return `"${text.replace(/["\\\t\r\n\b\f]/g, (character) => ESCAPES$1[character] ?? character)}"`;
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
  if (value instanceof Map) return writeEntries([...value].map(([key, inner]) => [item(key), item(inner)]));
  if (value instanceof Set) return `#{${[...value].map(item).join(" ")}}`;
  if (value instanceof List) return `(${value.items.map(item).join(" ")})`;
  if (value instanceof Keyword || value instanceof EdnSymbol) return String(value);
  if (value instanceof Date) return `#inst "${value.toISOString().replace("Z", "-00:00")}"`;
  if (value instanceof Uuid) return `#uuid "${value.text}"`;
  if (value instanceof Decimal) return `${value.text}M`;
  if (value instanceof Ratio) return value.text;
  if (value instanceof Tagged) return `#${value.tag} ${item(value.value)}`;
  if (value instanceof Uint8Array) return writeBytes(value);
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) throw new TypeError("EDN has Uint8Array only");
  return writeEntries(Object.entries(value).filter(([, inner]) => inner !== void 0).map(([key, inner]) => [NAME.test(key) ? `:${key}` : writeString(key), item(inner)]));
}
function writeEntries(entries) {
  return `{${entries.map((entry) => entry.join(" ")).join(", ")}}`;
}
function writeBytes(bytes2) {
  return `#bytes "${btoa(Array.from(bytes2, (byte) => String.fromCharCode(byte)).join(""))}"`;
}
const BLANK = /(?:[\s,]+|;[^\n]*)*/y;
const TOKEN = /[^\s,;"()[\]{}\\^`~@]+/y;
const STRING = /"([^"\\]*(?:\\[\s\S][^"\\]*)*)"/y;
const CHARACTER = /\\(u[\da-fA-F]{4}|o[0-3]?[0-7]{1,2}|[a-z]{2,}|[\s\S])/uy;
const INTEGER = /^[+-]?(?:0|[1-9]\d*)(N?)$/;
const FLOAT = /^[+-]?(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][+-]?\d+)?(M?)$/;
const RATIO = /^[+-]?\d+\/\d+$/;
const INSTANT = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/;
const ESCAPES = {
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
  /** An object when its keys are names, otherwise a `Map`. */
  #map(items, namespace) {
    if (items.length % 2 === 1) this.#fail("a map has a key without a value");
    const keys = items.filter((_, i) => i % 2 === 0).map((key) => this.#qualified(key, namespace));
    this.#distinct(keys);
    const entries = keys.map((key, i) => [this.#plain(key), items[2 * i + 1]]);
    const names = entries.map(([key]) => this.#name(key));
    if (names.includes(void 0) || new Set(names).size < names.length) return new Map(entries);
    return Object.fromEntries(entries.map(([, value], i) => [names[i], value]));
  }
  #name(key) {
    if (key instanceof Keyword) return key.name;
    return typeof key === "string" && this.#keywords === "strings" ? key : void 0;
  }
  /** Inside `#:ns{…}` a bare keyword belongs to `ns`, and `:_/a` to none. */
  #qualified(key, namespace) {
    if (namespace === void 0 || !(key instanceof Keyword)) return key;
    return new Keyword((key.name.startsWith("_/") ? key.name.slice(2) : void 0) ?? (key.name.includes("/") ? key.name : `${namespace}/${key.name}`));
  }
  #plain(value) {
    return value instanceof Keyword && this.#keywords === "strings" ? value.name : value;
  }
  #dispatch() {
    const second = this.#text[this.#at + 1];
    this.#at += 1;
    if (second === "{") return new Set(this.#distinct(this.#items("{")));
    if (second === "#") return this.#symbolic();
    if (second === ":") return this.#namespaceMap();
    const tag = this.#token();
    return this.#tagged(tag, this.#next());
  }
  #symbolic() {
    this.#at += 1;
    const name2 = this.#token();
    if (name2 === "Inf") return Number.POSITIVE_INFINITY;
    if (name2 === "-Inf") return Number.NEGATIVE_INFINITY;
    return name2 === "NaN" ? NaN : this.#fail(`##${name2} is unknown`);
  }
  /** Equal by what they are written as, which is how EDN sees them. */
  #distinct(items) {
    if (new Set(items.map((item) => write(item))).size < items.length) this.#fail("the same twice");
    return items;
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
    if (tag === "bytes" && typeof value === "string") return this.#try(() => bytes(value));
    if (tag === "uuid") return typeof value === "string" ? this.#try(() => new Uuid(value)) : this.#fail("#uuid");
    return new Tagged(tag, value);
  }
  #instant(value) {
    const parts = typeof value === "string" ? INSTANT.exec(value) : null;
    if (!parts) this.#fail("#inst without a date");
    const [, year, month = "01", day = "01", hour = "00", minute = "00", second = "00", fraction = "", zone = "Z"] = parts;
    const ms = fraction.padEnd(3, "0").slice(0, 3);
    const date = /* @__PURE__ */ new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}${zone === "-00:00" ? "Z" : zone}`);
    return Number.isNaN(date.getTime()) ? this.#fail("#inst without a date") : date;
  }
  #string() {
    const raw = this.#match(STRING)?.[1] ?? this.#fail("a string does not end");
    if (!raw.includes("\\")) return raw;
    const text = raw.replace(/\\(u[\da-fA-F]{4}|o?[0-3]?[0-7]{1,2}|[\s\S])/g, (_, code) => {
      if (code.length === 5) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
      return ESCAPES[code] ?? this.#fail(`\\${code} is no escape`);
    });
    return /\p{Surrogate}/u.test(text) ? this.#fail("half a character") : text;
  }
  #character() {
    const code = this.#match(CHARACTER)?.[1] ?? this.#fail("a character is missing");
    if (/^u.{4}$/.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    if (/^o\d/.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 8));
    return [...code].length === 1 ? code : CHARACTERS[code] ?? this.#fail(`\\${code} is no character`);
  }
  #token() {
    return this.#match(TOKEN)?.[0] ?? this.#fail("not expected here");
  }
  #atom(token2) {
    if (token2[0] === ":") return this.#plain(this.#keyword(token2));
    if (token2 === "nil") return null;
    if (token2 === "true" || token2 === "false") return token2 === "true";
    return /^[+-]?\d/.test(token2) ? this.#number(token2) : new EdnSymbol(token2);
  }
  #keyword(token2) {
    return /^:[^:]/.test(token2) ? new Keyword(token2.slice(1)) : this.#fail("a keyword without a name");
  }
  #number(token2) {
    const integer = INTEGER.exec(token2);
    if (integer) return wholeNumber(token2.replace(/^\+|N$/g, ""), integer[1] === "N");
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
const bytes = (base64) => Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));
function wholeNumber(digits, big) {
  const number = Number(digits);
  return big || !Number.isSafeInteger(number) ? BigInt(digits) : number;
}
function edn({ keywords = "strings" } = {}) {
  return {
    name: "edn",
    contentType: "application/edn",
    encode,
    decode: (text) => readAll(text, keywords).map(packet)
  };
}
function encode({ id, data, slot }) {
  return `[${data === void 0 ? `[${new Keyword(id)}]` : `[${new Keyword(id)} ${write(data)}]`} ${slotText(slot)}]`;
}
function slotText(slot) {
  if (slot === "ajax") return ":ajax";
  return typeof slot === "string" ? writeString(slot) : write(slot);
}
function packet(value) {
  if (!Array.isArray(value) || value.length < 1 || value.length > 2) throw new SyntaxError("not a packet");
  const slot = name(value[1] ?? null);
  return {
    payload: slot === null ? envelope(value[0]) : reply(value[0]),
    slot
  };
}
const name = (value) => value instanceof Keyword ? value.name : value;
function envelope(payload) {
  if (!Array.isArray(payload)) return name(payload);
  const [id, ...rest] = payload;
  if (!(id instanceof Keyword)) return payload.map(event);
  return [id.name, ...id.name.startsWith("chsk/") ? rest.map(plain) : rest];
}
function event(value) {
  return Array.isArray(value) ? [name(value[0]), ...value.slice(1)] : value;
}
function reply(value) {
  return Array.isArray(value) && name(value[0]) === "chsk/error" ? ["chsk/error", plain(value[1])] : name(value) === "chsk/timeout" ? "chsk/timeout" : value;
}
function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Keyword) return value.name;
  if (value === null || typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
export { Decimal, EdnSymbol, Keyword, List, Ratio, Tagged, Uuid, edn, keyword, readAll, write };
