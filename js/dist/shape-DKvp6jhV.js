var Keyword = class {
  constructor(name2) {
    this.name = name2;
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
  constructor(name2) {
    this.name = name2;
  }
  toString() {
    return this.name;
  }
};
var Uuid = class {
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
  constructor(text) {
    if (!/^[+-]?\d+(\.\d*)?([eE][+-]?\d+)?$/.test(text)) throw new TypeError(`${text} is no decimal`);
    this.text = text;
  }
};
var Ratio = class {
  constructor(text) {
    if (!/^[+-]?\d+\/0*[1-9]\d*$/.test(text)) throw new TypeError(`${text} is no ratio`);
    this.text = text;
  }
};
var List = class {
  constructor(items) {
    this.items = items;
  }
};
var Tagged = class {
  constructor(tag, value) {
    this.tag = tag;
    this.value = value;
  }
};
function fromPacket({ id, data, slot }) {
  return [data === void 0 ? [new Keyword(id)] : [new Keyword(id), data], slot === "ajax" ? new Keyword(slot) : slot];
}
function toPacket(value) {
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
  return Array.isArray(value) ? value.map((item, i) => i === 0 ? name(item) : item) : value;
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
function asValue(read, keywords) {
  return keywords === "strings" ? name(read) : read;
}
function mapOf(keys, values, keywords) {
  const names = keys.map((key) => keyName(key, keywords));
  const named = names.filter((key) => key !== void 0);
  const apart = new Set(named).size === named.length;
  if (apart && named.length === keys.length) return Object.fromEntries(names.map((key, i) => [key, values[i]]));
  if (!areDistinct(keys)) return void 0;
  return new Map(keys.map((key, i) => [apart ? asValue(key, keywords) : key, values[i]]));
}
function keyName(key, keywords) {
  if (key instanceof Keyword) return key.name;
  return typeof key === "string" && keywords === "strings" ? key : void 0;
}
function areDistinct(items, widened) {
  return new Set(items.map((item) => identity(item, widened))).size === items.length;
}
const KINDS = [
  Array,
  Uint8Array,
  Map,
  Set,
  List,
  Keyword,
  EdnSymbol,
  Uuid,
  Decimal,
  Ratio,
  Tagged
];
function identity(value, widened) {
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null || typeof value !== "object") return `${typeof value} ${value}`;
  if (value instanceof Date) return `Date ${value.getTime()}`;
  if (widened && value instanceof List) return identity(value.items, widened);
  if (widened && value instanceof Decimal) return identity(Number(value.text), widened);
  const parts = (Symbol.iterator in value ? [...value] : Object.entries(value)).map((item) => identity(item, widened));
  return `${KINDS.findIndex((known) => value instanceof known)}[${Array.isArray(value) || value instanceof Uint8Array ? parts : parts.sort()}]`;
}
const INSTANT = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/;
function instant(text) {
  const parts = INSTANT.exec(text);
  if (!parts) return void 0;
  const [, year, month = "01", day = "01", hour = "00", minute = "00", second = "00", rest = "", zone] = parts;
  const time = `${hour}:${minute}:${second}.${rest.padEnd(3, "0").slice(0, 3)}`;
  const date = /* @__PURE__ */ new Date(`${year}-${month}-${day}T${time}${zone?.replace("-00:00", "Z") ?? "Z"}`);
  return Number.isNaN(date.getTime()) ? void 0 : date;
}
function wholeNumber(digits) {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : BigInt(digits);
}
function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));
}
var Expansion = class {
  #left;
  constructor(length) {
    this.#left = 32 * length + 1024 * 1024;
  }
  spend(length) {
    this.#left -= length;
    if (this.#left < 0) throw new SyntaxError("references that stand for too much");
  }
};
const NAME = /^[A-Za-z_*!?<>=$%&|+-][\w*!?<>=$%&|+.'#-]*(?:\/[A-Za-z_*!?<>=$%&|+-][\w*!?<>=$%&|+.'#-]*)?$/;
function entriesOf(value) {
  if (value instanceof Map) return [...value];
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) throw new TypeError("of bytes, Uint8Array only");
  return Object.entries(value).filter(([, inner]) => inner !== void 0).map(([key, inner]) => [NAME.test(key) ? new Keyword(key) : key, inner]);
}
function wellFormed(text) {
  if (/[\ud800-\udfff]/.test(text) && /\p{Surrogate}/u.test(text)) throw new TypeError("half a character");
  return text;
}
function base64Of(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
export { Ratio as _, bytesOf as a, keyword as b, instant as c, wellFormed as d, wholeNumber as f, List as g, Keyword as h, base64Of as i, mapOf as l, EdnSymbol as m, areDistinct as n, entriesOf as o, Decimal as p, asValue as r, fromPacket as s, Expansion as t, toPacket as u, Tagged as v, Uuid as y };
