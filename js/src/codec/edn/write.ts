/** Values to EDN text. */
import { Decimal, EdnSymbol, Keyword, List, MAX_DEPTH, Ratio, Tagged, Uuid } from "./values.js";

/** A key that is read back as this keyword. */
const NAME = /^[A-Za-z_*!?<>=$%&|+-][\w*!?<>=$%&|+.'#-]*(?:\/[A-Za-z_*!?<>=$%&|+-][\w*!?<>=$%&|+.'#-]*)?$/;

/** @throws TypeError when a value has no form in EDN, RangeError when it is nested too deep, or in itself. */
export function write(value: unknown, depth = 0): string {
  if (depth > MAX_DEPTH) throw new RangeError(`nested deeper than ${MAX_DEPTH}`);
  if (value === null || value === undefined) return "nil";
  if (typeof value === "string") return writeString(value);
  if (typeof value === "number") return writeNumber(value);
  if (typeof value === "boolean") return String(value);
  if (typeof value === "bigint") return `${value}N`;
  if (typeof value === "object") return writeObject(value, depth + 1);
  throw new TypeError(`EDN has no ${typeof value}`);
}

const ESCAPES: Record<string, string> = {
  "\t": "\\t",
  "\r": "\\r",
  "\n": "\\n",
  "\b": "\\b",
  "\f": "\\f",
  "\\": "\\\\",
  '"': '\\"',
};

export function writeString(text: string): string {
  return `"${text.replace(/["\\\t\r\n\b\f]/g, (character) => ESCAPES[character] ?? character)}"`;
}

function writeNumber(value: number): string {
  if (Number.isNaN(value)) return "##NaN";
  if (!Number.isFinite(value)) return value > 0 ? "##Inf" : "##-Inf";
  if (Object.is(value, -0)) return "-0.0";
  // What has left the exact integers is a float on the other side too.
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? value.toExponential() : String(value);
}

function writeObject(value: object, depth: number): string {
  const item = (inner: unknown): string => write(inner, depth);
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
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value))
    throw new TypeError("EDN has Uint8Array only");
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return writeEntries(
    entries.map(([key, inner]) => [NAME.test(key) ? `:${key}` : writeString(key), item(inner)]),
  );
}

function writeEntries(entries: string[][]): string {
  return `{${entries.map((entry) => entry.join(" ")).join(", ")}}`;
}

/** As Rust writes them: EDN itself has no bytes. */
function writeBytes(bytes: Uint8Array): string {
  return `#bytes "${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))}"`;
}
