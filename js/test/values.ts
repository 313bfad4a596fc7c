/** Values at random, from a seed: the same ones in every run. */
import { Decimal, EdnSymbol, keyword, List, Ratio, Tagged, Uuid } from "../src/edn.js";

export type Random = () => number;

/** Numbers in 0 … 1 (mulberry32). */
export function random(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const upTo = (next: Random, limit: number): number => Math.floor(next() * limit);
const pick = <T>(next: Random, from: readonly T[]): T => from[upTo(next, from.length)] as T;
const times = <T>(next: Random, limit: number, make: () => T): T[] =>
  Array.from({ length: upTo(next, limit) }, make);

const LETTERS = [
  "a",
  "B",
  "7",
  "/",
  " ",
  "~",
  "^",
  "`",
  '"',
  "\\",
  "\n",
  "\0",
  ":",
  "#",
  "é",
  "日",
  "😀",
  "\ufeff",
];
const NAMES = ["a", "ns/name", "x-y?", "key", "another-key", "tsugi/session", "*", "日本語"];

const text = (next: Random): string => times(next, 8, () => pick(next, LETTERS)).join("");
const name = (next: Random): string => (next() < 0.7 ? pick(next, NAMES.slice(0, 7)) : `k${upTo(next, 400)}`);

function number(next: Random): number {
  const whole = Math.floor(2 ** upTo(next, 54) * next());
  const any = [0, -1, 0.1, -0, 2 ** 60, 1e300, 5e-324, Number.NaN, Number.POSITIVE_INFINITY, -1e21];
  return pick(next, [whole, -whole, whole / 7, pick(next, any), 2 ** upTo(next, 54) - 1]);
}

/** What JSON could hold, but for numbers that it has not. */
export function plainValue(next: Random, depth = 4): unknown {
  const scalars = [() => null, () => next() < 0.5, () => number(next), () => text(next)];
  const inner = (): unknown => plainValue(next, depth - 1);
  const object = (): unknown =>
    Object.fromEntries(times(next, 5, () => [next() < 0.7 ? name(next) : text(next), inner()]));
  const collections = [() => times(next, 20, inner), object];
  return pick(next, depth > 0 ? [...scalars, ...collections, ...collections] : scalars)();
}

export interface Kinds {
  decimals: boolean;
  lists: boolean;
  /** A tag for any value; else only for bytes. */
  tags: boolean;
  /** Names that EDN could not write. */
  names: boolean;
  /** Integers beyond 64 bits. */
  big: boolean;
}

/** Anything that a codec can say, in the form in which `keywords: "preserve"` reads it. */
export function anyValue(next: Random, kinds: Kinds, depth = 4): unknown {
  const named = (): string => (kinds.names && next() < 0.3 ? text(next) : name(next));
  const small = (): bigint => 2n ** 53n + BigInt(upTo(next, 2 ** 30)) * 2n ** 30n;
  const integer = (): bigint => (kinds.big && next() < 0.5 ? small() ** 3n : small());
  const scalars: (() => unknown)[] = [
    () => null,
    () => number(next),
    () => (next() < 0.5 ? -integer() : integer()),
    () => text(next),
    () => keyword(named()),
    () => new EdnSymbol(next() < 0.5 ? "sym" : "ns/+"),
    () => new Uuid(`f81d4fae-7dec-11d0-a765-00a0c91e6b${(upTo(next, 256) + 256).toString(16).slice(1)}`),
    () => new Ratio(`${upTo(next, 2000) - 1000}/${upTo(next, 1e9) + 1}`),
    () => new Date(upTo(next, 2 ** 45) - 2 ** 44),
    () => Uint8Array.from(times(next, 40, () => upTo(next, 256))),
  ];
  if (kinds.decimals) scalars.push(() => new Decimal(`${upTo(next, 1000)}.${upTo(next, 1000)}0E-3`));
  if (!kinds.tags) scalars.push(() => new Tagged("msgpack/ext5", Uint8Array.from(times(next, 20, () => 7))));
  if (depth === 0) return pick(next, scalars)();
  const inner = (): unknown => anyValue(next, kinds, depth - 1);
  const object = (): unknown => Object.fromEntries(times(next, 20, () => [name(next), inner()]));
  // Simple keys differ by what they are written as; one of them is no keyword, or it would read as an object.
  const map = (): unknown =>
    new Map<unknown, unknown>([
      [upTo(next, 100), inner()],
      ["text", inner()],
      [keyword("text"), inner()],
      [[keyword(named()), { key: upTo(next, 9) }], inner()],
    ]);
  const set = (): unknown => new Set([keyword("a"), "a", upTo(next, 9), [inner()], { in: inner() }]);
  const collections = [() => times(next, 20, inner), object, object, map, set];
  if (kinds.lists) collections.push(() => new List(times(next, 5, inner)));
  if (kinds.tags) collections.push(() => new Tagged(pick(next, ["point", "a/b", "r"]), inner()));
  return pick(next, [...scalars, ...collections])();
}
