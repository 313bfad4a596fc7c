/** What reading and writing transit share: tags, and the codes for what comes again in a message. */

/** How many codes of two characters there are. When all are taken, both ends begin again with none. */
export const CODES = 44 * 44;
/** What begins an array that is a map. */
export const MAP = "^ ";

const RESERVED = ["", "'", "set", "list", "cmap", "ratio", "array", "map"];

/** The tags that the format itself uses. */
export const isReserved = (tag: string): boolean =>
  RESERVED.includes(tag) || /^[_?idnfzcumtbs:$#~^`]$/.test(tag);

/** Whether a tag with text is written as `~` with its letter: a letter that means nothing yet. */
export const isLetter = (tag: string): boolean => /^[A-Za-z]$/.test(tag) && !isReserved(tag);

/** Whether a text comes as a code when it comes again. */
export const isCacheable = (text: string, key: boolean): boolean =>
  text.length > 3 && (key || /^~[:$#]/.test(text));

export function codeOf(index: number): string {
  const digit = (value: number): string => String.fromCharCode(48 + value);
  return `^${index < 44 ? "" : digit(Math.floor(index / 44))}${digit(index % 44)}`;
}

/** @returns NaN, or an index that nothing has, when it is no code. */
export function indexOf(code: string): number {
  const digits = /^\^([0-[]?)([0-[])$/.exec(code);
  if (!digits) return Number.NaN;
  const [, high = "", low = ""] = digits;
  return (high ? high.charCodeAt(0) - 48 : 0) * 44 + low.charCodeAt(0) - 48;
}
