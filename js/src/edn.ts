/** The EDN codec, apart from the core so that only those load it who use it. */

export { type Keywords, readAll } from "./codec/edn/read.js";
export { Decimal, EdnSymbol, Keyword, keyword, List, Ratio, Tagged, Uuid } from "./codec/edn/values.js";
export { write } from "./codec/edn/write.js";
export { type EdnOptions, edn } from "./codec/edn.js";
