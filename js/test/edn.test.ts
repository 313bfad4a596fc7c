import { describe, expect, it } from "vitest";
import { Decimal, EdnSymbol, edn, keyword, List, Ratio, readAll, Tagged, Uuid, write } from "../src/edn.js";

const read = (text: string): unknown => readAll(text)[0];

describe("reading", () => {
  it.each<[string, unknown]>([
    ["nil", null],
    ["true", true],
    ["42", 42],
    ["+7", 7],
    ["-0", -0],
    ["9007199254740991", 9007199254740991],
    ["9007199254740993", 9007199254740993n],
    ["1N", 1n],
    ["9223372036854775808N", 9223372036854775808n],
    ["1.5E10", 1.5e10],
    ["1.0", 1],
    ["-0.0", -0],
    ["##Inf", Number.POSITIVE_INFINITY],
    ["##-Inf", Number.NEGATIVE_INFINITY],
    ["##NaN", Number.NaN],
    ["1.10M", new Decimal("1.10")],
    ["22/7", new Ratio("22/7")],
    ["\\a", "a"],
    ["\\newline", "\n"],
    ["\\u00e9", "é"],
    ["\\(", "("],
    ["\\😀", "😀"],
    ['"a\\n\\"\\\\\\u00e9"', 'a\n"\\é'],
    ['"two\nlines"', "two\nlines"],
    [":a", "a"],
    [":ns/a.b", "ns/a.b"],
    ["a/b", new EdnSymbol("a/b")],
    ["-", new EdnSymbol("-")],
    ["[1 (2 3) #{4}]", [1, [2, 3], new Set([4])]],
    ['{:a 1, "b" [2]}', { a: 1, b: [2] }],
    ["{1 :a}", new Map([[1, "a"]])],
    ["#:a{:b 1, :c/d 2, :_/e 3}", { "a/b": 1, "c/d": 2, e: 3 }],
    ["#:a{:b #:c{:d 1}}", { "a/b": { "c/d": 1 } }],
    ['#inst "2020-01-02T03:04:05.678-00:00"', new Date(1577934245678)],
    ['#inst "2020-01-02"', new Date(Date.UTC(2020, 0, 2))],
    ['#inst "2020-01-02T03:04:05+01:00"', new Date(Date.UTC(2020, 0, 2, 2, 4, 5))],
    ['#uuid "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"', new Uuid("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")],
    ["#foo/bar [1]", new Tagged("foo/bar", [1])],
    ["[1 #_ 2 #_#_ 3 4 5] ; end", [1, 5]],
    ["#_1 2", 2],
    ["[,,]", []],
    [
      '{:a 1, "a" 2}',
      new Map<unknown, unknown>([
        [keyword("a"), 1],
        ["a", 2],
      ]),
    ],
  ])("%s", (text, value) => {
    expect(read(text)).toEqual(value);
  });

  it.each([
    "[1",
    "]",
    "{:a}",
    '"a',
    "#inst 5",
    '#uuid "x"',
    "1x",
    "01",
    ":",
    "\\",
    "#_",
    "##Foo",
    '"\\q"',
    "#:a 5",
  ])("%s is refused", (text) => {
    expect(() => readAll(text)).toThrow(SyntaxError);
  });

  it("refuses depth, whatever it is made of, without exhausting the stack", () => {
    for (const opener of ["[", "(", "{:a ", "#{", "#_ ", "#a ", "#:a{:b "]) {
      expect(() => readAll(opener.repeat(10_000))).toThrow(SyntaxError);
    }
  });

  it("a key cannot reach the prototype", () => {
    const value = read("{:__proto__ {:polluted 1}}") as object;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value)).toEqual(["__proto__"]);
  });
});

describe("writing", () => {
  it.each<[unknown, string]>([
    [null, "nil"],
    [undefined, "nil"],
    [1.5, "1.5"],
    [1, "1"],
    [-0, "-0.0"],
    [2 ** 60, "1.152921504606847e+18"],
    [Number.NaN, "##NaN"],
    [9223372036854775808n, "9223372036854775808N"],
    ["a:b", '"a:b"'],
    ['"\\\n', '"\\"\\\\\\n"'],
    [keyword("a/b"), ":a/b"],
    [[1, "a"], '[1 "a"]'],
    [{ a: 1, "b/c": 2, "d e": 3, "5": 4, f: undefined }, '{"5" 4, :a 1, :b/c 2, "d e" 3}'],
    [new Map<unknown, unknown>([[1, keyword("a")]]), "{1 :a}"],
    [new Set([1, 2]), "#{1 2}"],
    [new List([1, new EdnSymbol("x")]), "(1 x)"],
    [new Date(1577934245678), '#inst "2020-01-02T03:04:05.678-00:00"'],
    [new Tagged("foo/bar", 1), "#foo/bar 1"],
  ])("%o", (value, text) => {
    expect(write(value)).toBe(text);
  });

  it("refuses what EDN has no form for", () => {
    const circle: unknown[] = [];
    circle.push(circle);
    for (const value of [() => 1, Symbol("a"), new Float64Array(1), circle])
      expect(() => write(value)).toThrow();
    for (const name of ["a b", "", "a]"])
      for (const value of [
        keyword(name),
        new EdnSymbol(name),
        new Tagged(name, 1),
        { [name]: 1, b: keyword(name) },
      ])
        expect(() => write(value)).toThrow(TypeError);
    expect(() => write("\ud800")).toThrow(TypeError);
  });
});

describe("W2: what is written is read again", () => {
  it.each<[unknown]>([
    [null],
    [true],
    [0.1],
    [2 ** 60],
    [123456789012345678901234567890n],
    ['ü\u0001 \\ " 😀'],
    [[[], {}, [null]]],
    [{ a: { "b/c": [1, "x"] }, "d e": null }],
    [new Map([[[1], "a"]])],
    [new Set(["a", 1])],
    [new Date(5)],
    [new Uint8Array([0, 1, 255])],
    [new Uuid("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")],
    [new Tagged("x", { a: 1 })],
    [new Decimal("1.10")],
    [new Ratio("-22/7")],
  ])("%o", (value) => {
    expect(read(write(value))).toEqual(value);
  });

  it.each([":a", '"a"', "(1 :a)", '{:a "b"}', '{"a" :b}', "[{:a/b #{:c}}]", '{:a 1, "a" 2}'])(
    "%s, kind and all, when kinds are preserved",
    (text) => {
      expect(write(readAll(text, "preserve")[0])).toBe(text);
    },
  );
});

describe("packets", () => {
  const event = { id: "a/b", data: { x: 1 }, slot: null };

  it("are written as Sente writes them", () => {
    expect(edn().encode(event)).toBe("[[:a/b {:x 1}] nil]");
    expect(edn().encode({ id: "chsk/ws-ping", data: undefined, slot: "abc123" })).toBe(
      '[[:chsk/ws-ping] "abc123"]',
    );
    expect(edn().encode({ ...event, slot: "ajax" })).toBe("[[:a/b {:x 1}] :ajax]");
    expect(edn().encode({ ...event, slot: 7 })).toBe("[[:a/b {:x 1}] 7]");
    expect(() => edn().encode({ ...event, id: "a/b c" })).toThrow();
  });

  const text = `[[:chsk/handshake [:sente/nil-uid nil nil {:tsugi 1}]] nil]
[[[:s/x {:k :v}] [:s/y]] nil][:chsk/ws-ping nil] [{:k :v} 5]`;

  it("are read one after another, with keywords as strings", () => {
    expect(edn().decode(text)).toEqual([
      { payload: ["chsk/handshake", ["sente/nil-uid", null, null, { tsugi: 1 }]], slot: null },
      { payload: [["s/x", { k: "v" }], ["s/y"]], slot: null },
      { payload: "chsk/ws-ping", slot: null },
      { payload: { k: "v" }, slot: 5 },
    ]);
  });

  it("keep keywords in data only, when they are preserved", () => {
    const v = keyword("v");
    expect(edn({ keywords: "preserve" }).decode(text)).toEqual([
      { payload: ["chsk/handshake", ["sente/nil-uid", null, null, { tsugi: 1 }]], slot: null },
      { payload: [["s/x", { k: v }], ["s/y"]], slot: null },
      { payload: "chsk/ws-ping", slot: null },
      { payload: { k: v }, slot: 5 },
    ]);
  });

  it.each(["5", '"ab"', "[]", "[1 2 3]", "{:a 1}"])("%s is none", (bad) => {
    expect(() => edn().decode(bad)).toThrow(SyntaxError);
  });
});
