/** Which transport to try, and when to try a better one: docs/wire.md, "A client's timing". */
import type { Verdict } from "./state.js";
import type { Transport } from "./types.js";

const CLIMB_MS = 30_000;
const CLIMB_CAP_MS = 300_000;
/** So many WebSockets cut young, one after another, and polling is tried. */
const YOUNG_DEATHS = 3;

export class Path {
  /** What is known of WebSockets. Set by whoever learns more. */
  verdict: Verdict = "fine";
  readonly #allowed: readonly Transport[];
  #failedClimbs = 0;
  #youngDeaths = 0;

  constructor(allowed: readonly Transport[], webSocketExists: boolean) {
    this.#allowed = webSocketExists ? allowed : allowed.filter((transport) => transport !== "ws");
    if (!this.#allowed.includes("ws")) this.verdict = "unavailable";
  }

  /** What an attempt begins with. */
  first(): Transport | undefined {
    return this.verdict === "fine" || !this.allows("poll") ? this.#allowed[0] : "poll";
  }

  allows(transport: Transport): boolean {
    return this.#allowed.includes(transport);
  }

  /** An open WebSocket was lost before it could be trusted. */
  webSocketDiedYoung(): void {
    this.#youngDeaths += 1;
    if (this.#youngDeaths >= YOUNG_DEATHS) this.verdict = "unstable";
  }

  /** Polling failed too: that says more of the network than of WebSockets, so begin with one again. */
  pollFailed(): void {
    this.#youngDeaths = 0;
    if (this.allows("ws")) this.verdict = "fine";
  }

  /** While polling: how long until the next WebSocket is tried; `undefined` for never. */
  climbAfter(random: number): number | undefined {
    if (this.#allowed[0] !== "ws") return undefined;
    const base = Math.min(CLIMB_CAP_MS, CLIMB_MS * 2 ** this.#failedClimbs);
    return Math.round(base * (0.75 + 0.5 * random));
  }

  climbFailed(verdict: Verdict): void {
    this.#failedClimbs += 1;
    this.verdict = verdict;
  }

  /** A WebSocket was open long enough to be trusted, or the network is another one: what was learnt may be wrong. */
  forget(): void {
    this.#failedClimbs = 0;
    this.#youngDeaths = 0;
  }
}
