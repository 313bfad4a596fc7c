/** What the server says before anything else. */
import type { Gap } from "./state.js";
import type { Terms } from "./transport/carrier.js";

export interface Handshake {
  user: string | null;
  data: unknown;
  /** `undefined` from a server without the extension. */
  terms: Terms | undefined;
}

/** `[:chsk/handshake [uid csrf data extension]]`; `defaults` fill in what the extension leaves out. */
export function readHandshake(payload: unknown, defaults: Terms): Handshake | undefined {
  if (!Array.isArray(payload) || payload[0] !== "chsk/handshake" || !Array.isArray(payload[1]))
    return undefined;
  const [uid, , data, extension] = payload[1] as unknown[];
  const nobody = uid === null || uid === undefined || uid === "sente/nil-uid";
  const { tsugi } = Object(extension) as { tsugi?: unknown };
  const terms = tsugi ? { ...defaults, ...(extension as object) } : undefined;
  return { user: nobody ? null : String(uid), data, terms };
}

export interface Welcome {
  session: string;
  resumed: boolean;
  /** The number of the next item on this carrier; 0 from a server that counts nothing. */
  next: number;
  /** Why the session of before is gone. */
  why: Gap["why"] | undefined;
  /** How much of the outbox the server has taken, and how much of that handled. */
  taken: number;
  handled: number;
}

/** `[:chsk/welcome {:session "…", :outcome :resumed, :next 18}]` */
export function readWelcome(payload: unknown): Welcome | undefined {
  if (!Array.isArray(payload) || payload[0] !== "chsk/welcome") return undefined;
  const { session, outcome, next, why, taken, handled } = Object(payload[1]) as Welcome & {
    outcome: unknown;
  };
  if (typeof session !== "string") return undefined;
  const resumed = outcome === "resumed";
  return { session, resumed, why, next: count(next), taken: count(taken), handled: count(handled) };
}

/** Numbers of items begin at 1; EDN brings them as bigints where they are large. */
export function count(value: unknown): number {
  return Number(value) || 0;
}
