import { r as Delivery, s as OutboxKind } from "./types-YMbP0qc-.js";

//#region src/persistent.d.ts
/** Options of `persistent`; every one has a default. */
interface PersistentOptions {
  /**
   * Whose page this is, as the server calls the user; `null` for an anonymous one. Default: whoever the first connection says,
   * and until then nothing is kept.
   */
  user?: string | null;
  /** Which are kept, by their ids. Default: every event and no request. */
  keep?: (id: string, kind: "event" | "request") => boolean;
  /** How long one that is kept may take when it does not say so itself, in ms; at most 24 days. Default: a week. */
  timeoutMs?: number;
  /** Events and requests that may be under way in one page. Default: 1000. */
  maxItems?: number;
  /** The bytes that they may need, about. Default: 4 MiB. */
  maxBytes?: number;
  /**
   * Calls back with what an earlier page left, or a closed one: now it is in the `outbox` of this page's client. What is too
   * old by now has failed with `timeout`.
   */
  onRestored?: (deliveries: readonly Delivery[]) => void;
}
/**
 * For the option `outbox` of `connect`: keeps what is sent in IndexedDB, until a server has handled it. Where there is no IndexedDB
 * and no Web Locks it keeps it in memory, and says so once by `reportError`.
 */
declare function persistent(options?: PersistentOptions): OutboxKind;
//#endregion
export { PersistentOptions, persistent };