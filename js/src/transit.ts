/** The transit codec, apart from the core so that only those load it who use it. */

export { readAll } from "./codec/transit/read.js";
export { type Style, write } from "./codec/transit/write.js";
export { type TransitOptions, transit } from "./codec/transit.js";
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
