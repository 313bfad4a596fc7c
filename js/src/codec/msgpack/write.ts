/** Values to MessagePack, as Sente packs them. */
import { areDistinct, entriesOf, wellFormed } from "../shape.js";
import { Decimal, EdnSymbol, Keyword, List, MAX_DEPTH, Ratio, Tagged, Uuid } from "../values.js";
import { KEY, KEYS, KEYWORD, RATIO, SET, SYMBOL, TIMESTAMP, UUID, unknownExtension } from "./format.js";

const UTF8 = new TextEncoder();

/** @throws TypeError when a value has no form in MessagePack, RangeError when it is nested too deep, or in itself. */
export function write(value: unknown): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writer.value(value, 0);
  return writer.written();
}

class Writer {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  /** Keys so far, by which a further one is written as a reference. Keywords begin with a colon, texts with a quote. */
  readonly #keys = new Map<string, number>();

  written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  /** `depth` collections are open. */
  value(value: unknown, depth: number): void {
    if (value === null || value === undefined) this.#byte(0xc0);
    else if (typeof value === "boolean") this.#byte(value ? 0xc3 : 0xc2);
    else if (typeof value === "string") this.#string(value);
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "bigint") this.#big(value);
    else if (typeof value === "object") this.#object(value, depth);
    else throw new TypeError(`MessagePack has no ${typeof value}`);
  }

  #object(value: object, depth: number): void {
    if (Array.isArray(value)) this.#array(value, depth);
    else if (value instanceof List) this.#array(value.items, depth);
    else if (value instanceof Set) this.#set([...value], depth);
    else if (value instanceof Keyword) this.#extension(KEYWORD, utf8(value.name));
    else if (value instanceof EdnSymbol) this.#extension(SYMBOL, utf8(value.name));
    else if (value instanceof Uuid) this.#extension(UUID, utf8(value.text));
    else if (value instanceof Ratio) this.#ratio(value.text);
    else if (value instanceof Decimal) this.#decimal(value.text);
    else if (value instanceof Date) this.#moment(value.getTime());
    else if (value instanceof Uint8Array) this.#raw(value);
    else if (value instanceof Tagged) this.#tagged(value);
    else this.#map(value, depth);
  }

  // Bytes.

  /** Makes room for so many bytes. @returns where they begin. */
  #room(length: number): number {
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

  #byte(byte: number): void {
    // Room first: it may replace the view.
    const start = this.#room(1);
    this.#view.setUint8(start, byte);
  }

  #append(bytes: Uint8Array): void {
    const start = this.#room(bytes.length);
    this.#bytes.set(bytes, start);
  }

  /** An integer of 1, 2 or 4 bytes, whose sign makes no difference once it fits. */
  #integer(marker: number, size: number, value: number): void {
    this.#byte(marker);
    const start = this.#room(size);
    if (size === 1) this.#view.setUint8(start, value);
    else if (size === 2) this.#view.setUint16(start, value);
    else this.#view.setUint32(start, value);
  }

  /** The shortest of the three forms of a length, whose markers follow each other. */
  #size(marker: number, length: number): void {
    const power = length < 2 ** 8 ? 0 : length < 2 ** 16 ? 1 : 2;
    if (length >= 2 ** 32) throw new RangeError("4 GiB or more in one piece");
    this.#integer(marker + power, 1 << power, length);
  }

  // Scalars.

  #string(text: string): void {
    const bytes = utf8(text);
    if (bytes.length < 32) this.#byte(0xa0 + bytes.length);
    else this.#size(0xd9, bytes.length);
    this.#append(bytes);
  }

  #raw(bytes: Uint8Array): void {
    this.#size(0xc4, bytes.length);
    this.#append(bytes);
  }

  /** What has left the exact integers is a float on the other side too. */
  #number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.#whole(value);
    else this.#float(value);
  }

  #float(value: number): void {
    this.#byte(0xcb);
    const start = this.#room(8);
    this.#view.setFloat64(start, value);
  }

  #whole(value: number): void {
    if (value >= 2 ** 32 || value < -(2 ** 31)) this.#long(BigInt(value));
    else if (value >= 2 ** 7) this.#size(0xcc, value);
    else if (value >= -32) this.#byte(value & 255);
    else if (value >= -(2 ** 7)) this.#integer(0xd0, 1, value);
    else if (value >= -(2 ** 15)) this.#integer(0xd1, 2, value);
    else this.#integer(0xd2, 4, value);
  }

  #big(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw new TypeError(`${value} does not fit 64 bits`);
    if (Number.isSafeInteger(Number(value))) this.#whole(Number(value));
    else this.#long(value);
  }

  /** As Sente has it: readers in JavaScript refuse unsigned ones. */
  #long(value: bigint): void {
    this.#byte(0xd3);
    const start = this.#room(8);
    this.#view.setBigInt64(start, value);
  }

  #decimal(text: string): void {
    const value = Number(text);
    if (digitsOf(text) !== digitsOf(value.toExponential()))
      throw new TypeError(`a double would round ${text}`);
    this.#float(value);
  }

  // Extensions.

  #extension(kind: number, content: Uint8Array): void {
    const power = Math.log2(content.length);
    if (Number.isInteger(power) && power <= 4) this.#byte(0xd4 + power);
    else this.#size(0xc7, content.length);
    this.#byte(kind & 255);
    this.#append(content);
  }

  /** As an extension, what `write` writes. */
  #wrapped(kind: number, write: () => void): void {
    const start = this.#length;
    write();
    const content = this.#bytes.slice(start, this.#length);
    this.#length = start;
    this.#extension(kind, content);
  }

  #ratio(text: string): void {
    this.#wrapped(RATIO, () => {
      for (const part of text.split("/")) this.#big(BigInt(part));
    });
  }

  #moment(ms: number): void {
    if (Number.isNaN(ms)) throw new TypeError("an invalid Date");
    const content = new DataView(new ArrayBuffer(12));
    const seconds = Math.floor(ms / 1000);
    content.setUint32(0, (ms - seconds * 1000) * 1e6);
    content.setBigInt64(4, BigInt(seconds));
    this.#extension(TIMESTAMP, new Uint8Array(content.buffer));
  }

  /** An extension that reading did not know. */
  #tagged({ tag, value }: Tagged): void {
    const kind = unknownExtension(tag);
    if (kind === undefined || !(value instanceof Uint8Array))
      throw new TypeError(`MessagePack has no tag ${tag}`);
    this.#extension(kind, value);
  }

  // Collections.

  #array(items: readonly unknown[], depth: number): void {
    const inner = deeper(depth);
    if (items.length < 16) this.#byte(0x90 + items.length);
    else this.#count(0xdc, items.length);
    for (const item of items) this.value(item, inner);
  }

  /** There is no form of one byte. */
  #count(marker: number, count: number): void {
    if (count < 2 ** 16) this.#integer(marker, 2, count);
    else this.#integer(marker + 1, 4, count);
  }

  #set(items: readonly unknown[], depth: number): void {
    distinct(items);
    this.#wrapped(SET, () => this.#array(items, depth));
  }

  #map(value: object, depth: number): void {
    const entries = entriesOf(value);
    if (value instanceof Map) distinct([...value.keys()]);
    const inner = deeper(depth);
    if (entries.length < 16) this.#byte(0x80 + entries.length);
    else this.#count(0xde, entries.length);
    for (const [key, item] of entries) {
      this.#key(key, inner);
      this.value(item, inner);
    }
  }

  #key(key: unknown, depth: number): void {
    const name = key instanceof Keyword ? `:${key.name}` : typeof key === "string" ? `"${key}` : undefined;
    const index = this.#keys.get(name ?? "");
    if (index !== undefined) return this.#extension(KEY, Uint8Array.of(index));
    if (name !== undefined && this.#keys.size < KEYS) this.#keys.set(name, this.#keys.size);
    this.value(key, depth);
  }
}

function utf8(text: string): Uint8Array {
  return UTF8.encode(wellFormed(text));
}

function deeper(depth: number): number {
  if (depth >= MAX_DEPTH) throw new RangeError(`nested deeper than ${MAX_DEPTH}`);
  return depth + 1;
}

/** Lists become arrays and decimals floats: what differs must differ as such. */
function distinct(items: readonly unknown[]): void {
  if (!areDistinct(items, "widened")) throw new TypeError("keys or elements that become the same");
}

/** Sign, digits without zeros at either end, and the power of ten of the last of them. */
function digitsOf(text: string): string | undefined {
  const parts = /^([+-]?)(\d+)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(text);
  if (!parts) return undefined;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = parts;
  const digits = whole + fraction;
  const kept = digits.replace(/0+$/, "");
  const power = kept && Number(exponent) - fraction.length + digits.length - kept.length;
  return `${sign === "-" ? "-" : ""}${kept.replace(/^0+/, "")}e${power}`;
}
