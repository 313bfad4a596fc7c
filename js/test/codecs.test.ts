/** What holds for every codec of Clojure's values. */
import { describe, expect, it, vi } from "vitest";
import * as edn from "../src/edn.js";
import { type Codec, json, type Message } from "../src/index.js";
import * as msgpack from "../src/msgpack.js";
import * as transit from "../src/transit.js";
import { anyValue, type Kinds, plainValue, random, upTo } from "./values.js";

// Many values, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const { keyword, Keyword } = edn;
type Keywords = edn.Keywords;

interface Tried {
  codec: (keywords: Keywords) => Codec;
  write: (value: unknown) => Message;
  readAll: (message: never, keywords?: Keywords) => unknown[];
  kinds: Kinds;
}

const all = { decimals: true, lists: true, tags: true, names: true, big: true };
const codecs: [name: string, Tried][] = [
  [
    "edn",
    {
      codec: (keywords) => edn.edn({ keywords }),
      write: (value) => edn.write(value),
      readAll: edn.readAll,
      kinds: { ...all, names: false },
    },
  ],
  [
    "transit",
    {
      codec: (keywords) => transit.transit({ keywords }),
      write: (value) => transit.write(value),
      readAll: transit.readAll,
      kinds: all,
    },
  ],
  [
    "transit-verbose",
    {
      codec: (keywords) => transit.transit({ keywords, style: "verbose" }),
      write: (value) => transit.write(value, "verbose"),
      readAll: transit.readAll,
      kinds: all,
    },
  ],
  [
    "msgpack",
    {
      codec: (keywords) => msgpack.msgpack({ keywords }),
      write: msgpack.write,
      readAll: msgpack.readAll,
      kinds: { ...all, decimals: false, lists: false, tags: false, big: false },
    },
  ],
];

/** As it comes off the wire. */
function arrived(message: Message): never {
  return (typeof message === "string" ? message : message.buffer) as never;
}

/** Of several: texts a line each, bytes one after another. */
function joined(messages: Message[]): never {
  if (typeof messages[0] === "string") return messages.join("\n") as never;
  return new Uint8Array(messages.flatMap((message) => [...(message as Uint8Array)])).buffer as never;
}

describe.each(codecs)("%s", (name, { codec, write, readAll, kinds }) => {
  it("300 values come back as they were, kind and all", () => {
    for (let seed = 0; seed < 300; seed += 1) {
      const value = anyValue(random(seed), kinds);
      const read = readAll(arrived(write(value)), "preserve");
      expect(read, `seed ${seed}`).toEqual([value]);
    }
  });

  it("300 values of JSON's shapes come back as such", () => {
    for (let seed = 0; seed < 300; seed += 1) {
      const value = plainValue(random(seed));
      expect(readAll(arrived(write(value))), `seed ${seed}`).toEqual([value]);
    }
  });

  it("300 packets come back, alone and together", () => {
    const { encode, decode } = codec("strings");
    const packets = Array.from({ length: 300 }, (_, seed) => {
      const data = plainValue(random(seed));
      return { id: `ns${seed % 7}/name`, data, slot: seed % 3 === 0 ? null : seed };
    });
    const back = packets.map(({ id, data, slot }) => ({ payload: [id, data], slot }));
    const messages = packets.map((packet) => encode(packet));
    expect(messages.flatMap((message) => decode(arrived(message)))).toEqual(back);
    expect(decode(joined(messages))).toEqual(back);
  });

  it("keywords stay in data alone, and there only if preserved", () => {
    const k = keyword;
    const packets = [
      [[k("chsk/handshake"), [k("sente/nil-uid"), null, null, { tsugi: 1 }]], null],
      [[[k("s/x"), { k: k("v") }], [k("s/y")]], null],
      [k("chsk/ws-ping"), null],
      [{ k: k("v") }, 5],
      [[k("chsk/error"), { code: k("bad-data") }], 6],
      [[k("s/x"), 1], k("ajax")],
    ];
    const read = (keywords: Keywords) => codec(keywords).decode(joined(packets.map(write)));
    const as = (v: unknown) => [
      { payload: ["chsk/handshake", ["sente/nil-uid", null, null, { tsugi: 1 }]], slot: null },
      { payload: [["s/x", { k: v }], ["s/y"]], slot: null },
      { payload: "chsk/ws-ping", slot: null },
      { payload: { k: v }, slot: 5 },
      { payload: ["chsk/error", { code: "bad-data" }], slot: 6 },
    ];
    expect(read("strings").slice(0, 5)).toEqual(as("v"));
    expect(read("preserve").slice(0, 5)).toEqual(as(k("v")));
    expect(read("preserve")[5]?.slot).toBe("ajax");
    for (const bad of [5, "ab", [], [1, 2, 3], { a: 1 }])
      expect(() => codec("strings").decode(arrived(write(bad)))).toThrow(SyntaxError);
  });

  it("writes slots, events without data and what is undefined as the wire has it", () => {
    const read = (packet: Parameters<Codec["encode"]>[0]) =>
      readAll(arrived(codec("strings").encode(packet)), "preserve");
    const id = new Keyword("a/b");
    expect(read({ id: "a/b", data: undefined, slot: null })).toEqual([[[id], null]]);
    expect(read({ id: "a/b", data: null, slot: -7 })).toEqual([[[id, null], -7]]);
    expect(read({ id: "a/b", data: { x: 1, y: undefined }, slot: "ajax" })).toEqual([
      [[id, { x: 1 }], new Keyword("ajax")],
    ]);
    expect(read({ id: "a/b", data: 1, slot: "00ff01" })).toEqual([[[id, 1], "00ff01"]]);
  });

  it("says its name and what it sends", () => {
    const types = { edn: "application/edn", msgpack: "application/vnd.msgpack" };
    const contentType = types[name as keyof typeof types] ?? "application/transit+json";
    expect(codec("strings")).toMatchObject({ name, contentType });
    expect(codec("strings").binary ?? false).toBe(name === "msgpack");
  });

  it("refuses messages of the other kind", () => {
    const other = name === "msgpack" ? "[1]" : new TextEncoder().encode("[1]").buffer;
    expect(() => codec("strings").decode(other as never)).toThrow(/a message of (text|bytes)/);
  });

  it("whatever is cut off is refused, at every byte", () => {
    const value = [
      anyValue(random(7), kinds),
      anyValue(random(11), kinds),
      { key: [1.5, "text", new Set([1])] },
    ];
    const message = write(value);
    for (let length = 1; length < message.length; length += 1)
      expect(() => readAll(arrived(message.slice(0, length)))).toThrow(SyntaxError);
  });

  it("whatever is damaged is read or refused, and never more than that", () => {
    for (let seed = 0; seed < 1000; seed += 1) {
      const next = random(seed);
      const message = write(anyValue(next, kinds, 3));
      const at = upTo(next, message.length);
      const damaged =
        typeof message === "string"
          ? `${message.slice(0, at)}${String.fromCharCode(upTo(next, 128))}${message.slice(at + 1)}`
          : message.map((byte, index) => (index === at ? upTo(next, 256) : byte));
      try {
        readAll(arrived(damaged));
      } catch (error) {
        expect(error, `seed ${seed}`).toBeInstanceOf(SyntaxError);
      }
    }
  });

  it("refuses depth and what contains itself when writing", () => {
    const circle: unknown[] = [];
    circle.push(circle);
    const round = new Map<unknown, unknown>();
    round.set("a", new Set([round]));
    expect(() => write(circle)).toThrow(RangeError);
    expect(() => write(round)).toThrow(RangeError);
    const nested = (levels: number): unknown => (levels === 0 ? [] : [nested(levels - 1)]);
    expect(readAll(arrived(write(nested(250))))).toEqual([nested(250)]);
    expect(() => write(nested(300))).toThrow(RangeError);
  });

  it("refuses what it has no form for", () => {
    const nothing = [
      () => 1,
      Symbol("a"),
      new Float64Array(1),
      new ArrayBuffer(1),
      "\ud800",
      new Date(Number.NaN),
    ];
    for (const value of nothing) expect(() => write([value]), String(value)).toThrow();
  });

  it("no key reaches the prototype", () => {
    const hostile = Object.fromEntries([["__proto__", { polluted: 1 }]]);
    for (const keywords of ["strings", "preserve"] as const) {
      const [value] = readAll(arrived(write(hostile)), keywords) as [object];
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
      expect(Object.keys(value)).toEqual(["__proto__"]);
    }
  });

  it("keeps a keyword and a text of the same name apart", () => {
    const both = new Map<unknown, unknown>([
      [keyword("a"), 1],
      ["a", 2],
    ]);
    expect(readAll(arrived(write(both)))).toEqual([both]);
  });
});

describe("json", () => {
  it("refuses bytes and says so", () => {
    expect(() => json().decode(new ArrayBuffer(2))).toThrow(/ArrayBuffer/);
  });

  it("refuses half a character, which no server would read, and nothing that looks like one", () => {
    const written = (data: unknown) => json().encode({ id: "a/b", data, slot: null });
    for (const half of ["\ud83d", "a\udc00", "\\\ud83d", "\ude00\ud83d", { "\ud83d": 1 }, ["\n\ud800", 1n]])
      expect(() => written(half)).toThrow(TypeError);
    for (const whole of ["😀", "\\ud83d", "\\\\ud83d", "\\", "ud83d", "\u001f\\ud", 1n])
      expect(JSON.parse(written(whole))[0][1]).toBe(typeof whole === "bigint" ? "1" : whole);
  });
});

describe("transit", () => {
  const read = (text: string) => transit.readAll(text);

  it.each<[unknown, string, string]>([
    [{ a: 1, "b/c": [] }, '["^ ","~:a",1,"~:b/c",[]]', '{"~:a":1,"~:b/c":[]}'],
    [{ "d e": 1, "5": 2 }, '["^ ","5",2,"d e",1]', '{"5":2,"d e":1}'],
    [[{ name: 1 }, { name: 2 }], '[["^ ","~:name",1],["^ ","^0",2]]', '[{"~:name":1},{"~:name":2}]'],
    [[keyword("abc"), { abc: keyword("abc") }], '["~:abc",["^ ","^0","^0"]]', '["~:abc",{"~:abc":"~:abc"}]'],
    [["~a", "^0", "`", "a~"], '["~~a","~^0","~`","a~"]', '["~~a","~^0","~`","a~"]'],
    [5, '["~#\'",5]', '{"~#\'":5}'],
    ["a", '["~#\'","a"]', '{"~#\'":"a"}'],
    [[-0, 2 ** 60], '["~d-0.0","~d1.152921504606847e+18"]', '["~d-0.0","~d1.152921504606847e+18"]'],
    [[7n], '["~n7"]', '["~n7"]'],
    [new Set([1]), '["~#set",[1]]', '{"~#set":[1]}'],
    [new Date(1577934245678), '["~#\'","~m1577934245678"]', '{"~#\'":"~t2020-01-02T03:04:05.678Z"}'],
    [new Map([[[1], 2]]), '["~#cmap",[[1],2]]', '{"~#cmap":[[1],2]}'],
    [new transit.Tagged("r", "uri"), '["~#\'","~ruri"]', '{"~#\'":"~ruri"}'],
    [new transit.Tagged("point", [1, 2]), '["~#point",[1,2]]', '{"~#point":[1,2]}'],
  ])("%o", (value, short, verbose) => {
    expect(transit.write(value)).toBe(short);
    expect(transit.write(value, "verbose")).toBe(verbose);
    expect(read(short)).toEqual(read(verbose));
  });

  it("codes begin again when all are taken", () => {
    const names = Array.from({ length: 44 * 44 }, (_, n) => keyword(`key${n}`));
    const values = [...names, names.at(-1), keyword("one-more"), names.at(-1), names.at(-1)];
    const text = transit.write(values);
    expect(text.endsWith('"~:key1935","^[[","~:one-more","~:key1935","^1"]')).toBe(true);
    expect(transit.readAll(text, "preserve")).toEqual([values]);
  });

  it("a packet's codes are its own", () => {
    const line = '[[["~:s/name",1],["^0",2]],null]';
    const batch = {
      payload: [
        ["s/name", 1],
        ["s/name", 2],
      ],
      slot: null,
    };
    expect(transit.transit().decode(`${line}\n${line}`)).toEqual([batch, batch]);
    expect(() => read('["~:s/name"]\n["^0"]')).toThrow(SyntaxError);
  });

  it("depth ends in an error, whatever it is made of", () => {
    const openers = [
      "[",
      '["^ ","a",',
      '["~#set",[',
      '["~#list",[',
      '["~#a",',
      '["~#cmap",[1,',
      '["~#\'",',
      '{"a":',
    ];
    for (const opener of openers) {
      const closer = opener
        .replace(/[^[{]/g, "")
        .replaceAll("[", "]")
        .replaceAll("{", "}")
        .split("")
        .reverse()
        .join("");
      for (const levels of [300, 10_000])
        expect(() => read(`${opener.repeat(levels)}1${closer.repeat(levels)}`), opener).toThrow(
          /transit|JSON|call stack/,
        );
      expect(() => read(opener.repeat(10_000))).toThrow(SyntaxError);
    }
  });

  it("codes may not stand for more than 32 times the message and a megabyte", () => {
    const long = "k".repeat(30_000);
    expect(() => read(`["~:${long}"${',"^0"'.repeat(1000)}]`)).toThrow(/stand for too much/);
    expect(read(`["~:${long}"${',"^0"'.repeat(30)}]`)).toHaveLength(1);
  });
});

describe("msgpack", () => {
  const hex = (value: unknown) => Buffer.from(msgpack.write(value)).toString("hex");
  const read = (bytes: string) => msgpack.readAll(Buffer.from(bytes.replaceAll(" ", ""), "hex"));

  it.each<[unknown, string]>([
    [0, "00"],
    [127, "7f"],
    [128, "cc80"],
    [2 ** 32 - 1, "ceffffffff"],
    [2 ** 32, "d30000000100000000"],
    [-33, "d0df"],
    [-(2 ** 31) - 1, "d3ffffffff7fffffff"],
    [5n, "05"],
    [2n ** 63n - 1n, "d37fffffffffffffff"],
    [1.5, "cb3ff8000000000000"],
    [-0, "cb8000000000000000"],
    [2 ** 60, "cb43b0000000000000"],
    ["ü", "a2c3bc"],
    [{ a: 1 }, "81d4006101"],
    [{ "d e": 1 }, "81a364206501"],
    [[{ key: 1 }, { key: 2 }], "9281c703006b65790181d4080002"],
    [{ a: { a: { a: 1 } } }, "81d4006181d4080081d4080001"],
    [new Set([1]), "d5049101"],
    [new Set(), "d40490"],
    [new msgpack.Ratio("22/7"), "d5031607"],
    [new Date(-1), "c70cff3b8b87c0ffffffffffffffff"],
    [new Uint8Array([1]), "c40101"],
    [new msgpack.Tagged("msgpack/ext-5", new Uint8Array([1, 2])), "d5fb0102"],
  ])("%o", (value, bytes) => {
    expect(hex(value)).toBe(bytes);
  });

  it.each([15, 16, 31, 32, 255, 256, 65_535, 65_536])("texts, bytes, arrays and maps of %i", (length) => {
    const text = "x".repeat(length);
    const numbers = Array.from({ length }, (_, n) => n);
    const map = length === 65_535 ? {} : Object.fromEntries(numbers.map((n) => [`k${n}`, n]));
    const value = [text, new Uint8Array(length), numbers, map, keyword(text)];
    const [read] = msgpack.readAll(msgpack.write(value), "preserve") as [unknown[]];
    // Deep equality takes seconds for so many keys.
    expect([read.length, JSON.stringify(read)]).toEqual([5, JSON.stringify(value)]);
  });

  it("refers to the first 256 keys and writes the others out", () => {
    const keys = Array.from({ length: 300 }, (_, n) => `key${n}`);
    const object = Object.fromEntries(keys.map((key) => [key, null]));
    expect(msgpack.readAll(msgpack.write([object, object]))).toEqual([[object, object]]);
    expect(hex([object, object])).toContain("d408ff");
  });

  it("reads a view of a larger buffer, and keeps no hold of it", () => {
    const larger = new Uint8Array([0x93, 0xc4, 2, 1, 2, 0x93]);
    const [bytes] = msgpack.readAll(larger.subarray(1, 5)) as [Uint8Array];
    expect(bytes).toEqual(new Uint8Array([1, 2]));
    expect(bytes.buffer.byteLength).toBe(2);
  });

  it("ignores zeros after a message, as Sente's clients send them", () => {
    expect(read("9201c0 000000")).toEqual([[1, null]]);
    expect(read("9201c0 9202c0 00")).toEqual([
      [1, null],
      [2, null],
    ]);
    expect(read("")).toEqual([]);
    const padded = new Uint8Array(1 << 20);
    padded[0] = 0x90;
    expect(msgpack.readAll(padded)).toEqual([[]]);
  });

  it("believes no length: nothing is allocated by it", () => {
    for (const lie of [
      "ddffffffff",
      "dfffffffff",
      "dbffffffff",
      "c6ffffffff",
      "c9ffffffff04",
      "c9ffffffff63",
    ])
      for (const rest of ["", "c0", "c0c0c0"]) expect(() => read(lie + rest)).toThrow(/ends inside/);
  });

  it("depth ends in an error, whatever it is made of", () => {
    for (const opener of ["91", "81c0", "dd00000001", "df00000001c0", "81"])
      expect(() => read(opener.repeat(20_000))).toThrow(/nested deeper/);
    // Sets in sets, each an extension as long as what follows.
    const sets = (levels: number): Uint8Array => {
      let inner = Uint8Array.of(0x90);
      for (let level = 0; level < levels; level += 1) {
        const head = [
          0xc9,
          ...lengthOf(inner.length + (level === 0 ? 0 : 1)),
          4,
          ...(level === 0 ? [] : [0x91]),
        ];
        inner = Uint8Array.from([...head, ...inner]);
      }
      return inner;
    };
    expect(() => msgpack.readAll(sets(300))).toThrow(/nested deeper/);
    expect(msgpack.readAll(sets(200))).toHaveLength(1);
    // And extensions directly in each other, which are none.
    const direct = (kind: number, levels: number): Uint8Array =>
      Uint8Array.from(
        Array.from({ length: levels }, (_, level) => [
          0xc9,
          ...lengthOf(6 * (levels - level - 1)),
          kind,
        ]).flat(),
      );
    expect(() => msgpack.readAll(direct(4, 20_000))).toThrow(/not an array/);
    expect(() => msgpack.readAll(direct(3, 20_000))).toThrow(/nested deeper/);
  });

  it("references may not stand for more than 32 times the message and a megabyte", () => {
    const long = Buffer.concat([
      Buffer.from("81da7530", "hex"),
      Buffer.alloc(30_000, "k"),
      Buffer.from("c0", "hex"),
    ]);
    const again = (count: number) =>
      Buffer.concat([Buffer.from("dcffff", "hex"), long, Buffer.from("81d40800c0".repeat(count), "hex")]);
    expect(() => msgpack.readAll(again(1000))).toThrow(/stand for too much/);
    expect(() => msgpack.readAll(again(10))).toThrow(/ends inside/);
  });

  it("what becomes the same is refused", () => {
    const { Decimal, List } = edn;
    const same = [
      new Set([new List([]), []]),
      new Set([[1.5], [new Decimal("1.50")]]),
      new Map([
        [keyword("a"), 1],
        [keyword("a"), 2],
      ]),
    ];
    for (const value of same) expect(() => msgpack.write(value)).toThrow(TypeError);
  });
});

function lengthOf(length: number): number[] {
  return [24, 16, 8, 0].map((shift) => (length >>> shift) & 255);
}
