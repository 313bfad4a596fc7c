/** Values to transit text. */
import { areDistinct, base64Of, entriesOf, wellFormed } from "../shape.js";
import { Decimal, EdnSymbol, Keyword, List, MAX_DEPTH, Ratio, Tagged, Uuid } from "../values.js";
import { CODES, codeOf, isCacheable, isLetter, isReserved, MAP } from "./format.js";

/** `"json"`: short, with codes for what comes again. `"verbose"`: for people to read. */
export type Style = "json" | "verbose";

/**
 * What JSON would write without a bracket is quoted with `["~#'",…]`.
 * @throws TypeError when a value has no form in transit, RangeError when it is nested too deep, or in itself.
 */
export function write(value: unknown, style: Style = "json"): string {
  return JSON.stringify(new Writer(style).top(value));
}

class Writer {
  readonly #style: Style;
  #codes = new Map<string, string>();

  constructor(style: Style) {
    this.#style = style;
  }

  top(value: unknown): unknown {
    const bare = this.#textOf(value) !== undefined;
    return bare ? this.#tagged("'", 0, (depth) => this.#value(value, depth)) : this.#value(value, 0);
  }

  /** `depth` arrays and objects are open. */
  #value(value: unknown, depth: number): unknown {
    if (value === null || value === undefined) return null;
    if (typeof value === "boolean" || (typeof value === "number" && isPlain(value))) return value;
    const text = this.#textOf(value);
    return text === undefined ? this.#collection(value as object, depth) : this.#text(text, false);
  }

  /** The text that stands for a value, be it a key or not. */
  #textOf(value: unknown): string | undefined {
    if (value === null || value === undefined) return "~_";
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
    if (value instanceof Tagged && isLetter(value.tag) && typeof value.value === "string")
      return `~${value.tag}${value.value}`;
    return undefined;
  }

  /** Years outside 0 to 9999 have no text. */
  #instant(text: string, ms: number): string {
    return this.#style === "verbose" && /^\d/.test(text) ? `~t${text}` : `~m${ms}`;
  }

  #collection(value: object, depth: number): unknown {
    if (Array.isArray(value)) return this.#items(value, depth);
    if (value instanceof List) return this.#tagged("list", depth, (inner) => this.#items(value.items, inner));
    if (value instanceof Set)
      return this.#tagged("set", depth, (inner) => this.#items(distinct([...value]), inner));
    if (value instanceof Ratio) return this.#ratio(value, depth);
    if (!(value instanceof Tagged)) return this.#map(value, depth);
    // It would be read as what it is not.
    if (isReserved(value.tag)) throw new TypeError(`transit itself uses the tag ${value.tag}`);
    return this.#tagged(value.tag, depth, (inner) => this.#value(value.value, inner));
  }

  #items(items: readonly unknown[], depth: number): unknown[] {
    const inner = deeper(depth);
    return Array.from(items, (item) => this.#value(item, inner));
  }

  #ratio({ text }: Ratio, depth: number): unknown {
    const parts = text.replace(/^\+/, "").split("/");
    return this.#tagged("ratio", deeper(depth), () => parts.map((part) => `~n${part}`));
  }

  #map(value: object, depth: number): unknown {
    const entries = entriesOf(value);
    if (value instanceof Map) distinct([...value.keys()]);
    const keys = entries.map(([key]) => this.#textOf(key));
    if (keys.includes(undefined))
      return this.#tagged("cmap", depth, (inner) => this.#items(entries.flat(), inner));
    const inner = deeper(depth);
    const written = entries.map(
      ([, item], i) => [this.#text(keys[i] as string, true), this.#value(item, inner)] as const,
    );
    return this.#style === "verbose" ? Object.fromEntries(written) : [MAP, ...written.flat()];
  }

  /** The tag is written first: what it tags may refer to it. */
  #tagged(tag: string, depth: number, inner: (depth: number) => unknown): unknown {
    const text = this.#text(`~#${tag}`, false);
    const content = inner(deeper(depth));
    return this.#style === "verbose" ? { [text]: content } : [text, content];
  }

  #text(text: string, key: boolean): string {
    if (this.#style === "verbose" || !isCacheable(text, key)) return wellFormed(text);
    const code = this.#codes.get(text);
    if (code) return code;
    if (this.#codes.size === CODES) this.#codes.clear();
    this.#codes.set(text, codeOf(this.#codes.size));
    return wellFormed(text);
  }
}

function deeper(depth: number): number {
  if (depth >= MAX_DEPTH) throw new RangeError(`nested deeper than ${MAX_DEPTH}`);
  return depth + 1;
}

function distinct(items: readonly unknown[]): readonly unknown[] {
  if (!areDistinct(items)) throw new TypeError("the same key or element twice");
  return items;
}

/** Whether JSON's own number says it. What has left the exact integers is a float on the other side too. */
function isPlain(value: number): boolean {
  return (
    Number.isFinite(value) &&
    !Object.is(value, -0) &&
    (!Number.isInteger(value) || Number.isSafeInteger(value))
  );
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "~zNaN";
  if (!Number.isFinite(value)) return value > 0 ? "~zINF" : "~z-INF";
  if (Object.is(value, -0)) return "~d-0.0";
  return Number.isSafeInteger(value) ? `~i${value}` : `~d${isPlain(value) ? value : value.toExponential()}`;
}
