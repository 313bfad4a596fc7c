/** The EDN codec, apart from the core so that only those load it who use it. */

export { readAll } from "./codec/edn/read.js";
export { write } from "./codec/edn/write.js";
export { type EdnOptions, edn } from "./codec/edn.js";
export {
  Decimal,
  EdnSymbol,
  Keyword,
  type Keywords,
  keyword,
  List,
  Ratio,
  Tagged,
  Uuid,
} from "./codec/values.js";
