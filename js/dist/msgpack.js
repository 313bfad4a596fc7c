import { _ as Ratio, b as keyword, d as wellFormed, f as wholeNumber, g as List, h as Keyword, l as mapOf, m as EdnSymbol, n as areDistinct, o as entriesOf, p as Decimal, r as asValue, s as fromPacket, t as Expansion, u as toPacket, v as Tagged, y as Uuid } from "./shape-DKvp6jhV.js";
const KNOWN = [
  0,
  1,
  2,
  3,
  4,
  8,
  9,
  -1
];
const TAG = "msgpack/ext";
function unknownExtension(tag) {
  const digits = /^msgpack\/ext(0|-?[1-9]\d{0,2})$/.exec(tag)?.[1];
  const kind = Number(digits ?? NaN);
  return kind >= -128 && kind < 128 && !KNOWN.includes(kind) ? kind : void 0;
}
const UTF8$1 = new TextDecoder("utf-8", {
  fatal: true,
  ignoreBOM: true
});
function readAll(message, keywords = "strings") {
  if (typeof message === "string") throw new SyntaxError("MessagePack: a message of text");
  const bytes = ArrayBuffer.isView(message) ? new Uint8Array(message.buffer, message.byteOffset, message.byteLength) : new Uint8Array(message);
  let padding = bytes.length;
  while (bytes[padding - 1] === 0) padding -= 1;
  const reader = new Reader(bytes, keywords);
  const values = [];
  while (reader.at < (values.length > 0 ? padding : bytes.length)) values.push(reader.next());
  return values;
}
var Reader = class {
  #bytes;
  #view;
  #keywords;
  #expansion;
  /** Where the extension ends that is being read, or the message. */
  #end;
  /** What keys of this message may refer to. */
  #keys;
  constructor(bytes, keywords) {
    this.at = 0;
    this.#keys = [];
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#keywords = keywords;
    this.#expansion = new Expansion(bytes.length);
    this.#end = bytes.length;
  }
  next() {
    this.#keys = [];
    return this.#value(0);
  }
  #value(depth) {
    return asValue(this.#form(depth, false), this.#keywords);
  }
  /** A value whose keywords are keywords yet. */
  #form(depth, key) {
    const marker = this.#unsigned(1);
    if (marker < 128) return marker;
    if (marker < 144) return this.#map(marker & 15, depth);
    if (marker < 160) return this.#array(marker & 15, depth);
    if (marker < 192) return this.#string(marker & 31, key);
    if (marker >= 224) return marker - 256;
    if (marker >= 217 && marker <= 219) return this.#string(this.#length(marker - 217), key);
    if (marker >= 220 && marker <= 221) return this.#array(this.#length(marker - 219), depth);
    if (marker >= 222) return this.#map(this.#length(marker - 221), depth);
    if (marker >= 212 && marker <= 216) return this.#extension(1 << marker - 212, depth, key);
    if (marker >= 199 && marker <= 201) return this.#extension(this.#length(marker - 199), depth, key);
    if (marker >= 196 && marker <= 198) return this.#take(this.#length(marker - 196)).slice();
    return this.#scalar(marker);
  }
  #scalar(marker) {
    switch (marker) {
      case 192:
        return null;
      case 194:
      case 195:
        return marker === 195;
      case 202:
        return this.#view.getFloat32(this.#skip(4));
      case 203:
        return this.#view.getFloat64(this.#skip(8));
      case 204:
      case 205:
      case 206:
        return this.#length(marker - 204);
      case 207:
        return wholeNumber(this.#view.getBigUint64(this.#skip(8)));
      case 208:
        return this.#view.getInt8(this.#skip(1));
      case 209:
        return this.#view.getInt16(this.#skip(2));
      case 210:
        return this.#view.getInt32(this.#skip(4));
      case 211:
        return wholeNumber(this.#view.getBigInt64(this.#skip(8)));
      default:
        return this.#fail("a byte that MessagePack never uses");
    }
  }
  /** Passes over so many bytes. @returns where they begin. */
  #skip(length) {
    const start = this.at;
    if (length > this.#end - start) this.#fail("the message ends inside a value");
    this.at += length;
    return start;
  }
  #take(length) {
    const start = this.#skip(length);
    return this.#bytes.subarray(start, start + length);
  }
  #unsigned(length) {
    const start = this.#skip(length);
    if (length === 1) return this.#view.getUint8(start);
    return length === 2 ? this.#view.getUint16(start) : this.#view.getUint32(start);
  }
  /** An integer of 2^`power` bytes. */
  #length(power) {
    return this.#unsigned(1 << power);
  }
  #text(length) {
    const bytes = this.#take(length);
    return this.#attempt(() => UTF8$1.decode(bytes));
  }
  #string(length, key) {
    return this.#listed(this.#text(length), key);
  }
  /** Before the key's value, which may refer to it. */
  #listed(name, key) {
    if (key && this.#keys.length < 256) this.#keys.push(name);
    return name;
  }
  /** Nothing is allocated by what a length claims to be: each element takes a byte at least. */
  #array(length, depth) {
    this.#deeper(depth);
    const items = [];
    for (let i = 0; i < length; i += 1) items.push(this.#value(depth + 1));
    return items;
  }
  #map(length, depth) {
    this.#deeper(depth);
    const keys = [];
    const values = [];
    for (let i = 0; i < length; i += 1) {
      keys.push(this.#form(depth + 1, true));
      values.push(this.#value(depth + 1));
    }
    return mapOf(keys, values, this.#keywords) ?? this.#fail("the same key twice");
  }
  #deeper(depth) {
    if (depth >= 256) this.#fail(`nested deeper than 256`);
  }
  #extension(length, depth, key) {
    const kind = this.#view.getInt8(this.#skip(1));
    switch (kind) {
      case 0:
        return this.#listed(new Keyword(this.#text(length)), key);
      case 1:
        return new EdnSymbol(this.#text(length));
      case 2:
        return this.#character(this.#text(length));
      case 3:
        return this.#within(length, () => this.#ratio(depth));
      case 4:
        return this.#within(length, () => this.#set(depth));
      case 8:
        return this.#reference(length, key);
      case 9:
        return this.#uuid(this.#text(length));
      case -1:
        return this.#timestamp(length);
      default:
        return new Tagged(`${TAG}${kind}`, this.#take(length).slice());
    }
  }
  #character(text) {
    return [...text].length === 1 ? text : this.#fail("a character that is not one");
  }
  #uuid(text) {
    return this.#attempt(() => new Uuid(text));
  }
  /** What fills an extension exactly. */
  #within(length, read) {
    const outer = this.#end;
    const start = this.#skip(length);
    this.at = start;
    this.#end = start + length;
    const value = read();
    if (this.at !== this.#end) this.#fail("an extension that is longer than what it holds");
    this.#end = outer;
    return value;
  }
  #ratio(depth) {
    this.#deeper(depth);
    const parts = [this.#value(depth + 1), this.#value(depth + 1)];
    return this.#attempt(() => new Ratio(parts.join("/")));
  }
  #set(depth) {
    const marker = this.#bytes[this.at] ?? 0;
    if ((marker & 240) !== 144 && (marker & 254) !== 220) this.#fail("a set that is not an array");
    const items = this.#form(depth, false);
    return areDistinct(items) ? new Set(items) : this.#fail("the same element twice");
  }
  #reference(length, key) {
    const index = length === 1 && key ? this.#unsigned(1) : this.#fail("a reference where no key stands");
    const name = this.#keys[index] ?? this.#fail("a reference to a key that was not there");
    this.#expansion.spend(typeof name === "string" ? name.length : name.name.length);
    return name;
  }
  /** All three forms, cut to milliseconds. */
  #timestamp(length) {
    const [seconds, nanos] = this.#moment(length, this.#skip(length));
    const date = new Date(seconds * 1e3 + Math.floor(nanos / 1e6));
    return nanos < 1e9 && !Number.isNaN(date.getTime()) ? date : this.#fail("a timestamp that is not one");
  }
  #moment(length, start) {
    const view = this.#view;
    if (length === 4) return [view.getUint32(start), 0];
    if (length === 12) return [Number(view.getBigInt64(start + 4)), view.getUint32(start)];
    if (length !== 8) this.#fail("a timestamp that is not one");
    const high = view.getUint32(start);
    return [(high & 3) * 2 ** 32 + view.getUint32(start + 4), high >>> 2];
  }
  #attempt(make) {
    try {
      return make();
    } catch (error) {
      return this.#fail(error instanceof Error ? error.message : String(error));
    }
  }
  #fail(why) {
    throw new SyntaxError(`MessagePack at ${this.at}: ${why}`);
  }
};
const UTF8 = new TextEncoder();
function write(value) {
  const writer = new Writer();
  writer.value(value, 0);
  return writer.written();
}
var Writer = class {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  /** Keys so far, by which a further one is written as a reference. Keywords begin with a colon, texts with a quote. */
  #keys = /* @__PURE__ */ new Map();
  written() {
    return this.#bytes.slice(0, this.#length);
  }
  /** `depth` collections are open. */
  value(value, depth) {
    if (value === null || value === void 0) this.#byte(192);
    else if (typeof value === "boolean") this.#byte(value ? 195 : 194);
    else if (typeof value === "string") this.#string(value);
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "bigint") this.#big(value);
    else if (typeof value === "object") this.#object(value, depth);
    else throw new TypeError(`MessagePack has no ${typeof value}`);
  }
  #object(value, depth) {
    if (Array.isArray(value)) this.#array(value, depth);
    else if (value instanceof List) this.#array(value.items, depth);
    else if (value instanceof Set) this.#set([...value], depth);
    else if (value instanceof Keyword) this.#extension(0, utf8(value.name));
    else if (value instanceof EdnSymbol) this.#extension(1, utf8(value.name));
    else if (value instanceof Uuid) this.#extension(9, utf8(value.text));
    else if (value instanceof Ratio) this.#ratio(value.text);
    else if (value instanceof Decimal) this.#decimal(value.text);
    else if (value instanceof Date) this.#moment(value.getTime());
    else if (value instanceof Uint8Array) this.#raw(value);
    else if (value instanceof Tagged) this.#tagged(value);
    else this.#map(value, depth);
  }
  /** Makes room for so many bytes. @returns where they begin. */
  #room(length) {
    const start = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return start;
  }
  #byte(byte) {
    const start = this.#room(1);
    this.#view.setUint8(start, byte);
  }
  #append(bytes) {
    const start = this.#room(bytes.length);
    this.#bytes.set(bytes, start);
  }
  /** An integer of 1, 2 or 4 bytes, whose sign makes no difference once it fits. */
  #integer(marker, size, value) {
    this.#byte(marker);
    const start = this.#room(size);
    if (size === 1) this.#view.setUint8(start, value);
    else if (size === 2) this.#view.setUint16(start, value);
    else this.#view.setUint32(start, value);
  }
  /** The shortest of the three forms of a length, whose markers follow each other. */
  #size(marker, length) {
    const power = length < 2 ** 8 ? 0 : length < 2 ** 16 ? 1 : 2;
    if (length >= 2 ** 32) throw new RangeError("4 GiB or more in one piece");
    this.#integer(marker + power, 1 << power, length);
  }
  #string(text) {
    const bytes = utf8(text);
    if (bytes.length < 32) this.#byte(160 + bytes.length);
    else this.#size(217, bytes.length);
    this.#append(bytes);
  }
  #raw(bytes) {
    this.#size(196, bytes.length);
    this.#append(bytes);
  }
  /** What has left the exact integers is a float on the other side too. */
  #number(value) {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.#whole(value);
    else this.#float(value);
  }
  #float(value) {
    this.#byte(203);
    const start = this.#room(8);
    this.#view.setFloat64(start, value);
  }
  #whole(value) {
    if (value >= 2 ** 32 || value < -(2 ** 31)) this.#long(BigInt(value));
    else if (value >= 2 ** 7) this.#size(204, value);
    else if (value >= -32) this.#byte(value & 255);
    else if (value >= -128) this.#integer(208, 1, value);
    else if (value >= -(2 ** 15)) this.#integer(209, 2, value);
    else this.#integer(210, 4, value);
  }
  #big(value) {
    if (BigInt.asIntN(64, value) !== value) throw new TypeError(`${value} does not fit 64 bits`);
    if (Number.isSafeInteger(Number(value))) this.#whole(Number(value));
    else this.#long(value);
  }
  /** As Sente has it: readers in JavaScript refuse unsigned ones. */
  #long(value) {
    this.#byte(211);
    const start = this.#room(8);
    this.#view.setBigInt64(start, value);
  }
  #decimal(text) {
    const value = Number(text);
    if (digitsOf(text) !== digitsOf(value.toExponential())) throw new TypeError(`a double would round ${text}`);
    this.#float(value);
  }
  #extension(kind, content) {
    const power = Math.log2(content.length);
    if (Number.isInteger(power) && power <= 4) this.#byte(212 + power);
    else this.#size(199, content.length);
    this.#byte(kind & 255);
    this.#append(content);
  }
  /** As an extension, what `write` writes. */
  #wrapped(kind, write2) {
    const start = this.#length;
    write2();
    const content = this.#bytes.slice(start, this.#length);
    this.#length = start;
    this.#extension(kind, content);
  }
  #ratio(text) {
    this.#wrapped(3, () => {
      for (const part of text.split("/")) this.#big(BigInt(part));
    });
  }
  #moment(ms) {
    if (Number.isNaN(ms)) throw new TypeError("an invalid Date");
    const content = /* @__PURE__ */ new DataView(/* @__PURE__ */ new ArrayBuffer(12));
    const seconds = Math.floor(ms / 1e3);
    content.setUint32(0, (ms - seconds * 1e3) * 1e6);
    content.setBigInt64(4, BigInt(seconds));
    this.#extension(-1, new Uint8Array(content.buffer));
  }
  /** An extension that reading did not know. */
  #tagged({ tag, value }) {
    const kind = unknownExtension(tag);
    if (kind === void 0 || !(value instanceof Uint8Array)) throw new TypeError(`MessagePack has no tag ${tag}`);
    this.#extension(kind, value);
  }
  #array(items, depth) {
    const inner = deeper(depth);
    if (items.length < 16) this.#byte(144 + items.length);
    else this.#count(220, items.length);
    for (const item of items) this.value(item, inner);
  }
  /** There is no form of one byte. */
  #count(marker, count) {
    if (count < 2 ** 16) this.#integer(marker, 2, count);
    else this.#integer(marker + 1, 4, count);
  }
  #set(items, depth) {
    distinct(items);
    this.#wrapped(4, () => this.#array(items, depth));
  }
  #map(value, depth) {
    const entries = entriesOf(value);
    if (value instanceof Map) distinct([...value.keys()]);
    const inner = deeper(depth);
    if (entries.length < 16) this.#byte(128 + entries.length);
    else this.#count(222, entries.length);
    for (const [key, item] of entries) {
      this.#key(key, inner);
      this.value(item, inner);
    }
  }
  #key(key, depth) {
    const name = key instanceof Keyword ? `:${key.name}` : typeof key === "string" ? `"${key}` : void 0;
    const index = this.#keys.get(name ?? "");
    if (index !== void 0) return this.#extension(8, Uint8Array.of(index));
    if (name !== void 0 && this.#keys.size < 256) this.#keys.set(name, this.#keys.size);
    this.value(key, depth);
  }
};
function utf8(text) {
  return UTF8.encode(wellFormed(text));
}
function deeper(depth) {
  if (depth >= 256) throw new RangeError(`nested deeper than 256`);
  return depth + 1;
}
function distinct(items) {
  if (!areDistinct(items, "widened")) throw new TypeError("keys or elements that become the same");
}
function digitsOf(text) {
  const parts = /^([+-]?)(\d+)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(text);
  if (!parts) return void 0;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = parts;
  const digits = whole + fraction;
  const kept = digits.replace(/0+$/, "");
  const power = kept && Number(exponent) - fraction.length + digits.length - kept.length;
  return `${sign === "-" ? "-" : ""}${kept.replace(/^0+/, "")}e${power}`;
}
function msgpack({ keywords = "strings" } = {}) {
  return {
    name: "msgpack",
    contentType: "application/vnd.msgpack",
    binary: true,
    encode: (packet) => write(fromPacket(packet)),
    decode: (bytes) => readAll(bytes, keywords).map(toPacket)
  };
}
export { Decimal, EdnSymbol, Keyword, Ratio, Tagged, Uuid, keyword, msgpack, readAll, write };
