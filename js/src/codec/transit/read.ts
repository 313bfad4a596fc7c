/** Transit text, in either of its forms, to values. */
import {
  areDistinct,
  asValue,
  bytesOf,
  Expansion,
  instant,
  mapOf,
  wellFormed,
  wholeNumber,
} from "../shape.js";
import {
  Decimal,
  EdnSymbol,
  Keyword,
  type Keywords,
  List,
  MAX_DEPTH,
  Ratio,
  Tagged,
  Uuid,
} from "../values.js";
import { CODES, indexOf, isCacheable, isLetter, isReserved, MAP } from "./format.js";

const INTEGER = /^[+-]?(?:0|[1-9]\d*)$/;
const DECIMAL = /^[+-]?(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][+-]?\d+)?$/;
const CONSTANTS: Record<string, unknown> = {
  _: null,
  "?t": true,
  "?f": false,
  zNaN: Number.NaN,
  zINF: Number.POSITIVE_INFINITY,
  "z-INF": Number.NEGATIVE_INFINITY,
};

/** The value of each line of `text`. @throws SyntaxError */
export function readAll(text: string, keywords: Keywords = "strings"): unknown[] {
  if (typeof text !== "string") throw new SyntaxError("transit: a message of bytes");
  const lines = text.split("\n").filter((line) => line.trim());
  return lines.map((line) => new Reader(line.length, keywords).value(JSON.parse(line), 0));
}

class Reader {
  readonly #keywords: Keywords;
  readonly #expansion: Expansion;
  #seen: string[] = [];

  constructor(length: number, keywords: Keywords) {
    this.#keywords = keywords;
    this.#expansion = new Expansion(length);
  }

  value(json: unknown, depth: number): unknown {
    return asValue(this.#form(json, depth), this.#keywords);
  }

  /** A value whose keywords are keywords yet. */
  #form(json: unknown, depth: number, key = false): unknown {
    if (typeof json === "string") return scalar(this.#resolve(json, key));
    if (json === null || typeof json !== "object") return json;
    if (depth >= MAX_DEPTH) fail(`nested deeper than ${MAX_DEPTH}`);
    return Array.isArray(json) ? this.#array(json, depth + 1) : this.#object(Object.entries(json), depth + 1);
  }

  /** What a text of the message stands for. */
  #resolve(text: string, key: boolean): string {
    if (text[0] === "^" && text !== MAP) {
      const known = this.#seen[indexOf(text)] ?? fail("a code that stands for nothing");
      this.#expansion.spend(known.length);
      return known;
    }
    if (isCacheable(text, key)) {
      if (this.#seen.length === CODES) this.#seen = [];
      this.#seen.push(text);
    }
    return text;
  }

  #array(items: readonly unknown[], depth: number): unknown {
    const [first, ...rest] = items;
    if (typeof first !== "string") return items.map((item) => this.value(item, depth));
    const text = this.#resolve(first, false);
    if (text === MAP) return this.#map(rest, depth);
    if (text.startsWith("~#")) return this.#tagged(text.slice(2), rest, depth);
    return [asValue(scalar(text), this.#keywords), ...rest.map((item) => this.value(item, depth))];
  }

  #object(entries: readonly [string, unknown][], depth: number): unknown {
    const [first] = entries;
    const text = first && this.#resolve(first[0], true);
    if (text?.startsWith("~#"))
      return this.#tagged(
        text.slice(2),
        entries.map(([, inner]) => inner),
        depth,
      );
    // The first was resolved, and stands for itself from now on.
    return this.#map(entries.flat(), depth, text);
  }

  /** Keys and values in turn, which stand in an array or object of this depth. */
  #map(items: readonly unknown[], depth: number, first?: string): unknown {
    if (items.length % 2 === 1) fail("a key without a value");
    const keys: unknown[] = [];
    const values: unknown[] = [];
    for (let i = 0; i < items.length; i += 2) {
      keys.push(i === 0 && first !== undefined ? scalar(first) : this.#form(items[i], depth, true));
      values.push(this.value(items[i + 1], depth));
    }
    return mapOf(keys, values, this.#keywords) ?? fail("the same key twice");
  }

  #tagged(tag: string, [inner, ...more]: readonly unknown[], depth: number): unknown {
    if (inner === undefined || more.length > 0) fail("a tag without its one value");
    if (tag === "'") return this.#form(inner, depth);
    if (tag === "set") return this.#set(this.#items(inner, depth));
    if (tag === "list") return this.#list(this.#items(inner, depth));
    if (tag === "ratio") return ratio(this.#items(inner, depth));
    if (tag === "cmap") return this.#composite(inner, depth);
    if (isReserved(tag)) fail("a tag that is for text alone");
    return new Tagged(tag, this.value(inner, depth));
  }

  /** The array that a tag is about: a plain one. */
  #items(json: unknown, depth: number): unknown[] {
    if (!Array.isArray(json) || depth >= MAX_DEPTH) fail("a tag whose value is not an array, or too deep");
    return json.map((item) => this.value(item, depth + 1));
  }

  #set(items: readonly unknown[]): Set<unknown> {
    return areDistinct(items) ? new Set(items) : fail("the same element twice");
  }

  #list(items: readonly unknown[]): unknown {
    return this.#keywords === "preserve" ? new List(items) : items;
  }

  /** A map whose keys stand as values do. */
  #composite(json: unknown, depth: number): unknown {
    if (!Array.isArray(json) || depth >= MAX_DEPTH) fail("a tag whose value is not an array, or too deep");
    const items = json.map((item) => this.#form(item, depth + 1));
    if (items.length % 2 === 1) fail("a key without a value");
    const keys = items.filter((_, i) => i % 2 === 0);
    const values = items.filter((_, i) => i % 2 === 1).map((item) => asValue(item, this.#keywords));
    return mapOf(keys, values, this.#keywords) ?? fail("the same key twice");
  }
}

function ratio(items: readonly unknown[]): Ratio {
  return attempt(() => new Ratio(items.join("/")));
}

function scalar(text: string): unknown {
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

/** @returns `undefined`, or throws, when it is not what its letter says. */
function known(letter: string, text: string): unknown {
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
  return letter === "b" ? bytesOf(text) : undefined;
}

function valid(date: Date): Date | undefined {
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function attempt<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function fail(why: string): never {
  throw new SyntaxError(`transit: ${why}`);
}
