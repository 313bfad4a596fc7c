/** What follows from the way a carrier ended. */
import type { Loss } from "./state.js";

const BROKEN_RULES = [1002, 1003, 1007, 1008, 1009];
export const MAX_RETRY_AFTER_MS = 300_000;
const REASONS: Record<number, Loss["reason"]> = {
  400: "rejected",
  401: "refused",
  402: "refused",
  403: "refused",
  409: "session-gone",
  503: "busy",
};

/** Whether trying again is useless. */
export function isFinal({ reason, code = 0 }: Loss): boolean {
  const told = code >= 3500 && code < 5000 && code % 1000 >= 500;
  return told || reason === "refused" || reason === "rejected";
}

/** Whether somebody broke a rule, which several times in a row is enough. */
export function isViolation({ reason, code = 0 }: Loss): boolean {
  return reason === "bad-frame" || BROKEN_RULES.includes(code);
}

/** An answer other than 200. */
export function lossOf({ status, headers }: Response, text: string): Loss {
  const loss: Loss = {
    reason: REASONS[status] ?? "network",
    httpStatus: status,
    message: text.slice(0, 200) || undefined,
  };
  const retryAfterMs = Number(headers.get("retry-after") ?? "none") * 1000;
  if (retryAfterMs >= 0) loss.retryAfterMs = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
  return loss;
}
