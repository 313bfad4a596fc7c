/** EDN: one packet after another. */
import type { Codec, Incoming, Outgoing, Slot } from "../codec.js";
import { type Keywords, readAll } from "./edn/read.js";
import { Keyword } from "./edn/values.js";
import { write, writeString } from "./edn/write.js";

export interface EdnOptions {
  /**
   * `"strings"` (default) reads `:ns/a` as `"ns/a"` and lists as arrays: the shapes that JSON has.
   * `"preserve"` reads `Keyword` and `List`, so that what is read is written as it was.
   */
  keywords?: Keywords;
}

/** The EDN codec; the server's is chosen by `codec=edn`, and is the default of Sente's. */
export function edn({ keywords = "strings" }: EdnOptions = {}): Codec {
  return {
    name: "edn",
    contentType: "application/edn",
    encode,
    decode: (text) => readAll(text, keywords).map(packet),
  };
}

function encode({ id, data, slot }: Outgoing): string {
  const event = data === undefined ? `[${new Keyword(id)}]` : `[${new Keyword(id)} ${write(data)}]`;
  return `[${event} ${slotText(slot)}]`;
}

function slotText(slot: Slot): string {
  if (slot === "ajax") return ":ajax";
  return typeof slot === "string" ? writeString(slot) : write(slot);
}

function packet(value: unknown): Incoming {
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
  return Array.isArray(value) ? [name(value[0]), ...value.slice(1)] : value;
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
