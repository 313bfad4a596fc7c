/** How long to wait before the next attempt: docs/wire.md, "A client's timing". */

/** No wait is longer, and a hidden or offline page waits this long. */
export const CAP_MS = 20_000;
const BASE_MS = 500;
const LEAST_MS = 100;

/** Full jitter: uniformly random up to a bound that doubles. `attempt` counts from 0. */
export function backoff(attempt: number, random: number): number {
  const bound = Math.min(CAP_MS, BASE_MS * 2 ** attempt);
  return Math.max(LEAST_MS, Math.round(random * bound));
}
