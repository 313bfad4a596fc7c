/** What the codecs of Clojure's values share: packets, maps, and what makes a value itself. */
import type { Incoming, Outgoing, Slot } from "../codec.js";
import { Decimal, EdnSymbol, Keyword, type Keywords, List, Ratio, Tagged, Uuid } from "./values.js";

// Packets.

/** `[[:id data] slot]` */
export function fromPacket({ id, data, slot }: Outgoing): unknown {
  const event = data === undefined ? [new Keyword(id)] : [new Keyword(id), data];
  return [event, slot === "ajax" ? new Keyword(slot) : slot];
}

/** @throws SyntaxError when it is none. */
export function toPacket(value: unknown): Incoming {
  if (!Array.isArray(value) || value.length < 1 || value.length > 2) throw new SyntaxError("not a packet");
  const slot = name(value[1] ?? null) as Slot;
  return { payload: slot === null ? envelope(value[0]) : reply(value[0]), slot };
}

const name = (value: unknown): unknown => (value instanceof Keyword ? value.name : value);

/** Ids become strings whatever keywords become; the data of events stays as it was read. */
function envelope(payload: unknown): unknown {
  if (!Array.isArray(payload)) return name(payload);
  const [id, ...rest] = payload as unknown[];
  if (!(id instanceof Keyword)) return payload.map(event);
  return [id.name, ...(id.name.startsWith("chsk/") ? rest.map(plain) : rest)];
}

function event(value: unknown): unknown {
  return Array.isArray(value) ? value.map((item, i) => (i === 0 ? name(item) : item)) : value;
}

function reply(value: unknown): unknown {
  const failed = Array.isArray(value) && name(value[0]) === "chsk/error";
  return failed ? ["chsk/error", plain(value[1])] : name(value) === "chsk/timeout" ? "chsk/timeout" : value;
}

/** What the wire itself says holds no keyword deeper than in its values. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Keyword) return value.name;
  if (value === null || typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

// Reading.

/** What a keyword becomes where it is no key. */
export function asValue(read: unknown, keywords: Keywords): unknown {
  return keywords === "strings" ? name(read) : read;
}

/**
 * An object when all keys are names, otherwise a `Map`. Keywords must be keywords yet. Where one and a text have the same
 * name, keywords stay what they are.
 * @returns `undefined` when a key is there twice.
 */
export function mapOf(keys: readonly unknown[], values: readonly unknown[], keywords: Keywords): unknown {
  const names = keys.map((key) => keyName(key, keywords));
  const named = names.filter((key) => key !== undefined);
  const apart = new Set(named).size === named.length;
  if (apart && named.length === keys.length)
    return Object.fromEntries(names.map((key, i) => [key, values[i]]));
  if (!areDistinct(keys)) return undefined;
  return new Map(keys.map((key, i) => [apart ? asValue(key, keywords) : key, values[i]]));
}

function keyName(key: unknown, keywords: Keywords): string | undefined {
  if (key instanceof Keyword) return key.name;
  return typeof key === "string" && keywords === "strings" ? key : undefined;
}

/** `widened`: as MessagePack says them, where lists are vectors and decimals floats. */
export function areDistinct(items: readonly unknown[], widened?: "widened"): boolean {
  return new Set(items.map((item) => identity(item, widened))).size === items.length;
}

const KINDS = [Array, Uint8Array, Map, Set, List, Keyword, EdnSymbol, Uuid, Decimal, Ratio, Tagged];

/** Equal for what is equal, be it one object or two. */
function identity(value: unknown, widened: "widened" | undefined): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null || typeof value !== "object") return `${typeof value} ${value}`;
  if (value instanceof Date) return `Date ${value.getTime()}`;
  if (widened && value instanceof List) return identity(value.items, widened);
  if (widened && value instanceof Decimal) return identity(Number(value.text), widened);
  const items = Symbol.iterator in value ? [...(value as Iterable<unknown>)] : Object.entries(value);
  const parts = items.map((item) => identity(item, widened));
  const kind = KINDS.findIndex((known) => value instanceof known);
  return `${kind}[${Array.isArray(value) || value instanceof Uint8Array ? parts : parts.sort()}]`;
}

const INSTANT =
  /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/;

/** RFC 3339 and its beginnings, as `#inst` has it. */
export function instant(text: string): Date | undefined {
  const parts = INSTANT.exec(text);
  if (!parts) return undefined;
  const [, year, month = "01", day = "01", hour = "00", minute = "00", second = "00", rest = "", zone] =
    parts;
  const time = `${hour}:${minute}:${second}.${rest.padEnd(3, "0").slice(0, 3)}`;
  const date = new Date(`${year}-${month}-${day}T${time}${zone?.replace("-00:00", "Z") ?? "Z"}`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** A number as long as it is exact. */
export function wholeNumber(digits: string | bigint): number | bigint {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : BigInt(digits);
}

export function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));
}

/**
 * How much text references to names of the same message may stand for: 32 times the message and a megabyte, or a hostile
 * message would become its own length squared.
 */
export class Expansion {
  #left: number;

  constructor(length: number) {
    this.#left = 32 * length + 1024 * 1024;
  }

  spend(length: number): void {
    this.#left -= length;
    if (this.#left < 0) throw new SyntaxError("references that stand for too much");
  }
}

// Writing.

/** A key that is read back as this keyword. */
const NAME = /^[A-Za-z_*!?<>=$%&|+-][\w*!?<>=$%&|+.'#-]*(?:\/[A-Za-z_*!?<>=$%&|+-][\w*!?<>=$%&|+.'#-]*)?$/;

/**
 * Keys and values of a `Map` or an object, whose keys become keywords where they can; what is undefined is left out.
 * @throws TypeError when it holds something else.
 */
export function entriesOf(value: object): [key: unknown, value: unknown][] {
  if (value instanceof Map) return [...value];
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value))
    throw new TypeError("of bytes, Uint8Array only");
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return entries.map(([key, inner]) => [NAME.test(key) ? new Keyword(key) : key, inner]);
}

/** @throws TypeError for half a character, which UTF-8 has no form for. */
export function wellFormed(text: string): string {
  // The first is quick, and true of whole ones too.
  if (/[\ud800-\udfff]/.test(text) && /\p{Surrogate}/u.test(text)) throw new TypeError("half a character");
  return text;
}

export function base64Of(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
