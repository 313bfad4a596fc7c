import { _ as Ratio, a as bytesOf, b as keyword, c as instant, d as wellFormed, f as wholeNumber, g as List, h as Keyword, i as base64Of, l as mapOf, m as EdnSymbol, n as areDistinct, o as entriesOf, p as Decimal, r as asValue, s as fromPacket, t as Expansion, u as toPacket, v as Tagged, y as Uuid } from "./shape-DKvp6jhV.js";
const RESERVED = [
  "",
  "'",
  "set",
  "list",
  "cmap",
  "ratio",
  "array",
  "map"
];
const isReserved = (tag) => RESERVED.includes(tag) || /^[_?idnfzcumtbs:$#~^`]$/.test(tag);
const isLetter = (tag) => /^[A-Za-z]$/.test(tag) && !isReserved(tag);
const isCacheable = (text, key) => text.length > 3 && (key || /^~[:$#]/.test(text));
function codeOf(index) {
  const digit = (value) => String.fromCharCode(48 + value);
  return `^${index < 44 ? "" : digit(Math.floor(index / 44))}${digit(index % 44)}`;
}
function indexOf(code) {
  const digits = /^\^([0-[]?)([0-[])$/.exec(code);
  if (!digits) return NaN;
  const [, high = "", low = ""] = digits;
  return (high ? high.charCodeAt(0) - 48 : 0) * 44 + low.charCodeAt(0) - 48;
}
const INTEGER = /^[+-]?(?:0|[1-9]\d*)$/;
const DECIMAL = /^[+-]?(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][+-]?\d+)?$/;
const CONSTANTS = {
  _: null,
  "?t": true,
  "?f": false,
  zNaN: NaN,
  zINF: Infinity,
  "z-INF": Number.NEGATIVE_INFINITY
};
function readAll(text, keywords = "strings") {
  if (typeof text !== "string") throw new SyntaxError("transit: a message of bytes");
  return text.split("\n").filter((line) => line.trim()).map((line) => new Reader(line.length, keywords).value(JSON.parse(line), 0));
}
var Reader = class {
  #keywords;
  #expansion;
  #seen = [];
  constructor(length, keywords) {
    this.#keywords = keywords;
    this.#expansion = new Expansion(length);
  }
  value(json, depth) {
    return asValue(this.#form(json, depth), this.#keywords);
  }
  /** A value whose keywords are keywords yet. */
  #form(json, depth, key = false) {
    if (typeof json === "string") return scalar(this.#resolve(json, key));
    if (json === null || typeof json !== "object") return json;
    if (depth >= 256) fail(`nested deeper than 256`);
    return Array.isArray(json) ? this.#array(json, depth + 1) : this.#object(Object.entries(json), depth + 1);
  }
  /** What a text of the message stands for. */
  #resolve(text, key) {
    if (text[0] === "^" && text !== "^ ") {
      const known2 = this.#seen[indexOf(text)] ?? fail("a code that stands for nothing");
      this.#expansion.spend(known2.length);
      return known2;
    }
    if (isCacheable(text, key)) {
      if (this.#seen.length === 1936) this.#seen = [];
      this.#seen.push(text);
    }
    return text;
  }
  #array(items, depth) {
    const [first, ...rest] = items;
    if (typeof first !== "string") return items.map((item) => this.value(item, depth));
    const text = this.#resolve(first, false);
    if (text === "^ ") return this.#map(rest, depth);
    if (text.startsWith("~#")) return this.#tagged(text.slice(2), rest, depth);
    return [asValue(scalar(text), this.#keywords), ...rest.map((item) => this.value(item, depth))];
  }
  #object(entries, depth) {
    const [first] = entries;
    const text = first && this.#resolve(first[0], true);
    if (text?.startsWith("~#")) return this.#tagged(text.slice(2), entries.map(([, inner]) => inner), depth);
    return this.#map(entries.flat(), depth, text);
  }
  /** Keys and values in turn, which stand in an array or object of this depth. */
  #map(items, depth, first) {
    if (items.length % 2 === 1) fail("a key without a value");
    const keys = [];
    const values = [];
    for (let i = 0; i < items.length; i += 2) {
      keys.push(i === 0 && first !== void 0 ? scalar(first) : this.#form(items[i], depth, true));
      values.push(this.value(items[i + 1], depth));
    }
    return mapOf(keys, values, this.#keywords) ?? fail("the same key twice");
  }
  #tagged(tag, [inner, ...more], depth) {
    if (inner === void 0 || more.length > 0) fail("a tag without its one value");
    if (tag === "'") return this.#form(inner, depth);
    if (tag === "set") return this.#set(this.#items(inner, depth));
    if (tag === "list") return this.#list(this.#items(inner, depth));
    if (tag === "ratio") return ratio(this.#items(inner, depth));
    if (tag === "cmap") return this.#composite(inner, depth);
    if (isReserved(tag)) fail("a tag that is for text alone");
    return new Tagged(tag, this.value(inner, depth));
  }
  /** The array that a tag is about: a plain one. */
  #items(json, depth) {
    if (!Array.isArray(json) || depth >= 256) fail("a tag whose value is not an array, or too deep");
    return json.map((item) => this.value(item, depth + 1));
  }
  #set(items) {
    return areDistinct(items) ? new Set(items) : fail("the same element twice");
  }
  #list(items) {
    return this.#keywords === "preserve" ? new List(items) : items;
  }
  /** A map whose keys stand as values do. */
  #composite(json, depth) {
    if (!Array.isArray(json) || depth >= 256) fail("a tag whose value is not an array, or too deep");
    const items = json.map((item) => this.#form(item, depth + 1));
    if (items.length % 2 === 1) fail("a key without a value");
    return mapOf(items.filter((_, i) => i % 2 === 0), items.filter((_, i) => i % 2 === 1).map((item) => asValue(item, this.#keywords)), this.#keywords) ?? fail("the same key twice");
  }
};
function ratio(items) {
  return attempt(() => new Ratio(items.join("/")));
}
function scalar(text) {
  attempt(() => wellFormed(text));
  if (text[0] === "^") fail("a mark of a map where no map begins");
  if (text[0] !== "~") return text;
  const rest = text.slice(2);
  const letter = text[1] ?? "";
  if ("~^`".includes(letter) && letter) return text.slice(1);
  if (Object.hasOwn(CONSTANTS, text.slice(1))) return CONSTANTS[text.slice(1)];
  if (isLetter(letter)) return new Tagged(letter, rest);
  return attempt(() => known(letter, rest)) ?? fail(`${JSON.stringify(text.slice(0, 40))} means nothing`);
}
function known(letter, text) {
  if (letter === ":") return new Keyword(text);
  if (letter === "$") return new EdnSymbol(text);
  if (letter === "s") return text;
  if (letter === "i" && INTEGER.test(text)) return wholeNumber(text);
  if (letter === "n" && INTEGER.test(text)) return BigInt(text);
  if (letter === "d" && DECIMAL.test(text)) return Number(text);
  if (letter === "f") return new Decimal(text);
  if (letter === "c" && [...text].length === 1) return text;
  if (letter === "u") return new Uuid(text);
  if (letter === "m" && INTEGER.test(text)) return valid(new Date(Number(text)));
  if (letter === "t") return instant(text);
  return letter === "b" ? bytesOf(text) : void 0;
}
function valid(date) {
  return Number.isNaN(date.getTime()) ? void 0 : date;
}
function attempt(make) {
  try {
    return make();
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}
function fail(why) {
  throw new SyntaxError(`transit: ${why}`);
}
function write(value, style = "json") {
  return JSON.stringify(new Writer(style).top(value));
}
var Writer = class {
  #style;
  #codes = /* @__PURE__ */ new Map();
  constructor(style) {
    this.#style = style;
  }
  top(value) {
    return this.#textOf(value) !== void 0 ? this.#tagged("'", 0, (depth) => this.#value(value, depth)) : this.#value(value, 0);
  }
  /** `depth` arrays and objects are open. */
  #value(value, depth) {
    if (value === null || value === void 0) return null;
    if (typeof value === "boolean" || typeof value === "number" && isPlain(value)) return value;
    const text = this.#textOf(value);
    return text === void 0 ? this.#collection(value, depth) : this.#text(text, false);
  }
  /** The text that stands for a value, be it a key or not. */
  #textOf(value) {
    if (value === null || value === void 0) return "~_";
    if (typeof value === "string") return /^[~^`]/.test(value) ? `~${value}` : value;
    if (typeof value === "number") return numberText(value);
    if (typeof value === "boolean") return value ? "~?t" : "~?f";
    if (typeof value === "bigint") return `~n${value}`;
    if (typeof value !== "object") throw new TypeError(`transit has no ${typeof value}`);
    if (value instanceof Keyword) return `~:${value.name}`;
    if (value instanceof EdnSymbol) return `~$${value.name}`;
    if (value instanceof Uuid) return `~u${value.text}`;
    if (value instanceof Decimal) return `~f${value.text}`;
    if (value instanceof Date) return this.#instant(value.toISOString(), value.getTime());
    if (value instanceof Uint8Array) return `~b${base64Of(value)}`;
    if (value instanceof Tagged && isLetter(value.tag) && typeof value.value === "string") return `~${value.tag}${value.value}`;
  }
  /** Years outside 0 to 9999 have no text. */
  #instant(text, ms) {
    return this.#style === "verbose" && /^\d/.test(text) ? `~t${text}` : `~m${ms}`;
  }
  #collection(value, depth) {
    if (Array.isArray(value)) return this.#items(value, depth);
    if (value instanceof List) return this.#tagged("list", depth, (inner) => this.#items(value.items, inner));
    if (value instanceof Set) return this.#tagged("set", depth, (inner) => this.#items(distinct([...value]), inner));
    if (value instanceof Ratio) return this.#ratio(value, depth);
    if (!(value instanceof Tagged)) return this.#map(value, depth);
    if (isReserved(value.tag)) throw new TypeError(`transit itself uses the tag ${value.tag}`);
    return this.#tagged(value.tag, depth, (inner) => this.#value(value.value, inner));
  }
  #items(items, depth) {
    const inner = deeper(depth);
    return Array.from(items, (item) => this.#value(item, inner));
  }
  #ratio({ text }, depth) {
    const parts = text.replace(/^\+/, "").split("/");
    return this.#tagged("ratio", deeper(depth), () => parts.map((part) => `~n${part}`));
  }
  #map(value, depth) {
    const entries = entriesOf(value);
    if (value instanceof Map) distinct([...value.keys()]);
    const keys = entries.map(([key]) => this.#textOf(key));
    if (keys.includes(void 0)) return this.#tagged("cmap", depth, (inner2) => this.#items(entries.flat(), inner2));
    const inner = deeper(depth);
    const written = entries.map(([, item], i) => [this.#text(keys[i], true), this.#value(item, inner)]);
    return this.#style === "verbose" ? Object.fromEntries(written) : ["^ ", ...written.flat()];
  }
  /** The tag is written first: what it tags may refer to it. */
  #tagged(tag, depth, inner) {
    const text = this.#text(`~#${tag}`, false);
    const content = inner(deeper(depth));
    return this.#style === "verbose" ? { [text]: content } : [text, content];
  }
  #text(text, key) {
    if (this.#style === "verbose" || !isCacheable(text, key)) return wellFormed(text);
    const code = this.#codes.get(text);
    if (code) return code;
    if (this.#codes.size === 1936) this.#codes.clear();
    this.#codes.set(text, codeOf(this.#codes.size));
    return wellFormed(text);
  }
};
function deeper(depth) {
  if (depth >= 256) throw new RangeError(`nested deeper than 256`);
  return depth + 1;
}
function distinct(items) {
  if (!areDistinct(items)) throw new TypeError("the same key or element twice");
  return items;
}
function isPlain(value) {
  return Number.isFinite(value) && !Object.is(value, -0) && (!Number.isInteger(value) || Number.isSafeInteger(value));
}
function numberText(value) {
  if (Number.isNaN(value)) return "~zNaN";
  if (!Number.isFinite(value)) return value > 0 ? "~zINF" : "~z-INF";
  if (Object.is(value, -0)) return "~d-0.0";
  return Number.isSafeInteger(value) ? `~i${value}` : `~d${isPlain(value) ? value : value.toExponential()}`;
}
function transit({ keywords = "strings", style = "json" } = {}) {
  return {
    name: style === "verbose" ? "transit-verbose" : "transit",
    contentType: "application/transit+json",
    encode: (packet) => write(fromPacket(packet), style),
    decode: (text) => readAll(text, keywords).map(toPacket)
  };
}
export { Decimal, EdnSymbol, Keyword, List, Ratio, Tagged, Uuid, keyword, readAll, transit, write };
