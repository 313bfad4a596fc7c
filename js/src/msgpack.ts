/** The MessagePack codec, apart from the core so that only those load it who use it. */

export { readAll } from "./codec/msgpack/read.js";
export { write } from "./codec/msgpack/write.js";
export { type MsgpackOptions, msgpack } from "./codec/msgpack.js";
export {
  Decimal,
  EdnSymbol,
  Keyword,
  type Keywords,
  keyword,
  Ratio,
  Tagged,
  Uuid,
} from "./codec/values.js";
