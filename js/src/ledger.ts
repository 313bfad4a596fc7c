/** What arrived, so that the server may forget it and need not bring it twice: docs/wire.md, "Counts". */
import type { Environment, Timer } from "./environment.js";

/** Items of one session, counted from 1 by both ends. */
export class Ledger {
  /** The last item that arrived. */
  received = 0;
  #acknowledged = 0;
  #late: Timer;
  readonly #environment: Environment;
  readonly #tell: () => void;

  constructor(environment: Environment, tell: () => void) {
    this.#environment = environment;
    this.#tell = tell;
  }

  /**
   * Takes note of an item.
   * @returns whether it is news, and did not come before on another carrier.
   */
  enter(number: number, items: number, ms: number): boolean {
    if (number <= this.received) return false;
    this.received = number;
    if (number - this.#acknowledged >= items) this.#tell();
    else this.#late ??= this.#environment.after(ms, this.#tell);
    return true;
  }

  /** The server is told now: how far it is. */
  acknowledge(): number {
    this.#environment.cancel(this.#late);
    this.#late = undefined;
    this.#acknowledged = this.received;
    return this.received;
  }

  /** Another session begins, or what lies before an item will not come. */
  skipTo(next: number): void {
    this.received = next - 1;
    this.acknowledge();
  }
}
