/** Values to EDN text. */
import { base64Of, entriesOf, wellFormed } from "../shape.js";
import { Decimal, EdnSymbol, Keyword, List, MAX_DEPTH, Ratio, Tagged, Uuid } from "../values.js";

/** What may stand in a keyword, a symbol or a tag without ending it. */
const TOKEN = /^[^\s,;"()[\]{}\\^`~@]+$/;

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

function writeString(text: string): string {
  return `"${wellFormed(text).replace(/["\\\t\r\n\b\f]/g, (character) => ESCAPES[character] ?? character)}"`;
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
  if (value instanceof Set) return `#{${[...value].map(item).join(" ")}}`;
  if (value instanceof List) return `(${value.items.map(item).join(" ")})`;
  if (value instanceof Keyword) return `:${token(value.name)}`;
  if (value instanceof EdnSymbol) return token(value.name);
  if (value instanceof Date) return `#inst "${value.toISOString().replace("Z", "-00:00")}"`;
  if (value instanceof Uuid) return `#uuid "${value.text}"`;
  if (value instanceof Decimal) return `${value.text}M`;
  if (value instanceof Ratio) return value.text;
  if (value instanceof Tagged) return `#${token(value.tag)} ${item(value.value)}`;
  // As Rust writes them: EDN itself has no bytes.
  if (value instanceof Uint8Array) return `#bytes "${base64Of(value)}"`;
  return `{${entriesOf(value)
    .map((entry) => entry.map(item).join(" "))
    .join(", ")}}`;
}

/** @throws TypeError when it would be read as something else. */
function token(name: string): string {
  if (!TOKEN.test(name)) throw new TypeError(`EDN cannot write the name ${JSON.stringify(name)}`);
  return name;
}
