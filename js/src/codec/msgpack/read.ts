/** MessagePack to values. */
import { areDistinct, asValue, Expansion, mapOf, wholeNumber } from "../shape.js";
import { EdnSymbol, Keyword, type Keywords, MAX_DEPTH, Ratio, Tagged, Uuid } from "../values.js";
import { CHARACTER, KEY, KEYS, KEYWORD, RATIO, SET, SYMBOL, TAG, TIMESTAMP, UUID } from "./format.js";

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** All values of `message`; zeros after one are ignored, since Sente's clients pad with them. @throws SyntaxError */
export function readAll(message: ArrayBuffer | Uint8Array, keywords: Keywords = "strings"): unknown[] {
  if (typeof message === "string") throw new SyntaxError("MessagePack: a message of text");
  const bytes = ArrayBuffer.isView(message)
    ? new Uint8Array(message.buffer, message.byteOffset, message.byteLength)
    : new Uint8Array(message);
  let padding = bytes.length;
  while (bytes[padding - 1] === 0) padding -= 1;
  const reader = new Reader(bytes, keywords);
  const values: unknown[] = [];
  while (reader.at < (values.length > 0 ? padding : bytes.length)) values.push(reader.next());
  return values;
}

class Reader {
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #keywords: Keywords;
  readonly #expansion: Expansion;
  /** Where the extension ends that is being read, or the message. */
  #end: number;
  /** What keys of this message may refer to. */
  #keys: (Keyword | string)[] = [];

  constructor(bytes: Uint8Array, keywords: Keywords) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#keywords = keywords;
    this.#expansion = new Expansion(bytes.length);
    this.#end = bytes.length;
  }

  next(): unknown {
    this.#keys = [];
    return this.#value(0);
  }

  #value(depth: number): unknown {
    return asValue(this.#form(depth, false), this.#keywords);
  }

  /** A value whose keywords are keywords yet. */
  #form(depth: number, key: boolean): unknown {
    const marker = this.#unsigned(1);
    if (marker < 0x80) return marker;
    if (marker < 0x90) return this.#map(marker & 15, depth);
    if (marker < 0xa0) return this.#array(marker & 15, depth);
    if (marker < 0xc0) return this.#string(marker & 31, key);
    if (marker >= 0xe0) return marker - 256;
    if (marker >= 0xd9 && marker <= 0xdb) return this.#string(this.#length(marker - 0xd9), key);
    if (marker >= 0xdc && marker <= 0xdd) return this.#array(this.#length(marker - 0xdb), depth);
    if (marker >= 0xde) return this.#map(this.#length(marker - 0xdd), depth);
    if (marker >= 0xd4 && marker <= 0xd8) return this.#extension(1 << (marker - 0xd4), depth, key);
    if (marker >= 0xc7 && marker <= 0xc9) return this.#extension(this.#length(marker - 0xc7), depth, key);
    if (marker >= 0xc4 && marker <= 0xc6) return this.#take(this.#length(marker - 0xc4)).slice();
    return this.#scalar(marker);
  }

  #scalar(marker: number): unknown {
    switch (marker) {
      case 0xc0:
        return null;
      case 0xc2:
      case 0xc3:
        return marker === 0xc3;
      case 0xca:
        return this.#view.getFloat32(this.#skip(4));
      case 0xcb:
        return this.#view.getFloat64(this.#skip(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#length(marker - 0xcc);
      case 0xcf:
        return wholeNumber(this.#view.getBigUint64(this.#skip(8)));
      case 0xd0:
        return this.#view.getInt8(this.#skip(1));
      case 0xd1:
        return this.#view.getInt16(this.#skip(2));
      case 0xd2:
        return this.#view.getInt32(this.#skip(4));
      case 0xd3:
        return wholeNumber(this.#view.getBigInt64(this.#skip(8)));
      default:
        return this.#fail("a byte that MessagePack never uses");
    }
  }

  /** Passes over so many bytes. @returns where they begin. */
  #skip(length: number): number {
    const start = this.at;
    if (length > this.#end - start) this.#fail("the message ends inside a value");
    this.at += length;
    return start;
  }

  #take(length: number): Uint8Array {
    const start = this.#skip(length);
    return this.#bytes.subarray(start, start + length);
  }

  #unsigned(length: 1 | 2 | 4): number {
    const start = this.#skip(length);
    if (length === 1) return this.#view.getUint8(start);
    return length === 2 ? this.#view.getUint16(start) : this.#view.getUint32(start);
  }

  /** An integer of 2^`power` bytes. */
  #length(power: number): number {
    return this.#unsigned((1 << power) as 1 | 2 | 4);
  }

  #text(length: number): string {
    const bytes = this.#take(length);
    return this.#attempt(() => UTF8.decode(bytes));
  }

  #string(length: number, key: boolean): string {
    return this.#listed(this.#text(length), key);
  }

  /** Before the key's value, which may refer to it. */
  #listed<T extends Keyword | string>(name: T, key: boolean): T {
    if (key && this.#keys.length < KEYS) this.#keys.push(name);
    return name;
  }

  /** Nothing is allocated by what a length claims to be: each element takes a byte at least. */
  #array(length: number, depth: number): unknown[] {
    this.#deeper(depth);
    const items: unknown[] = [];
    for (let i = 0; i < length; i += 1) items.push(this.#value(depth + 1));
    return items;
  }

  #map(length: number, depth: number): unknown {
    this.#deeper(depth);
    const keys: unknown[] = [];
    const values: unknown[] = [];
    for (let i = 0; i < length; i += 1) {
      keys.push(this.#form(depth + 1, true));
      values.push(this.#value(depth + 1));
    }
    return mapOf(keys, values, this.#keywords) ?? this.#fail("the same key twice");
  }

  #deeper(depth: number): void {
    if (depth >= MAX_DEPTH) this.#fail(`nested deeper than ${MAX_DEPTH}`);
  }

  #extension(length: number, depth: number, key: boolean): unknown {
    const kind = this.#view.getInt8(this.#skip(1));
    switch (kind) {
      case KEYWORD:
        return this.#listed(new Keyword(this.#text(length)), key);
      case SYMBOL:
        return new EdnSymbol(this.#text(length));
      case CHARACTER:
        return this.#character(this.#text(length));
      case RATIO:
        return this.#within(length, () => this.#ratio(depth));
      case SET:
        return this.#within(length, () => this.#set(depth));
      case KEY:
        return this.#reference(length, key);
      case UUID:
        return this.#uuid(this.#text(length));
      case TIMESTAMP:
        return this.#timestamp(length);
      default:
        return new Tagged(`${TAG}${kind}`, this.#take(length).slice());
    }
  }

  #character(text: string): string {
    return [...text].length === 1 ? text : this.#fail("a character that is not one");
  }

  #uuid(text: string): Uuid {
    return this.#attempt(() => new Uuid(text));
  }

  /** What fills an extension exactly. */
  #within<T>(length: number, read: () => T): T {
    const outer = this.#end;
    const start = this.#skip(length);
    this.at = start;
    this.#end = start + length;
    const value = read();
    if (this.at !== this.#end) this.#fail("an extension that is longer than what it holds");
    this.#end = outer;
    return value;
  }

  #ratio(depth: number): Ratio {
    this.#deeper(depth);
    const parts = [this.#value(depth + 1), this.#value(depth + 1)];
    return this.#attempt(() => new Ratio(parts.join("/")));
  }

  #set(depth: number): Set<unknown> {
    const marker = this.#bytes[this.at] ?? 0;
    // Before it is read, so that sets which hold nothing but each other nest no deeper than two.
    if ((marker & 0xf0) !== 0x90 && (marker & 0xfe) !== 0xdc) this.#fail("a set that is not an array");
    const items = this.#form(depth, false) as unknown[];
    return areDistinct(items) ? new Set(items) : this.#fail("the same element twice");
  }

  #reference(length: number, key: boolean): unknown {
    const index = length === 1 && key ? this.#unsigned(1) : this.#fail("a reference where no key stands");
    const name = this.#keys[index] ?? this.#fail("a reference to a key that was not there");
    this.#expansion.spend(typeof name === "string" ? name.length : name.name.length);
    return name;
  }

  /** All three forms, cut to milliseconds. */
  #timestamp(length: number): Date {
    const [seconds, nanos] = this.#moment(length, this.#skip(length));
    const date = new Date(seconds * 1000 + Math.floor(nanos / 1e6));
    return nanos < 1e9 && !Number.isNaN(date.getTime()) ? date : this.#fail("a timestamp that is not one");
  }

  #moment(length: number, start: number): [seconds: number, nanos: number] {
    const view = this.#view;
    if (length === 4) return [view.getUint32(start), 0];
    if (length === 12) return [Number(view.getBigInt64(start + 4)), view.getUint32(start)];
    if (length !== 8) this.#fail("a timestamp that is not one");
    const high = view.getUint32(start);
    return [(high & 3) * 2 ** 32 + view.getUint32(start + 4), high >>> 2];
  }

  #attempt<T>(make: () => T): T {
    try {
      return make();
    } catch (error) {
      return this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  #fail(why: string): never {
    throw new SyntaxError(`MessagePack at ${this.at}: ${why}`);
  }
}
