/** Requests that wait for their replies. Each settles once, whatever happens. */
import type { Slot } from "./codec.js";
import type { Environment, Timer } from "./environment.js";
import { RequestError } from "./errors.js";

interface Waiter {
  resolve(reply: unknown): void;
  reject(error: RequestError): void;
  timer: Timer;
  unwatch(): void;
}

export class Pending {
  readonly #waiters = new Map<Slot, Waiter>();
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  get size(): number {
    return this.#waiters.size;
  }

  add(slot: Slot, timeoutMs: number, signal: AbortSignal | undefined): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const aborted = () => this.fail(slot, new RequestError("aborted"));
      const late = () => this.fail(slot, new RequestError("timeout", `no reply within ${timeoutMs} ms`));
      const timer = this.#environment.after(timeoutMs, late);
      signal?.addEventListener("abort", aborted);
      const unwatch = () => signal?.removeEventListener("abort", aborted);
      this.#waiters.set(slot, { resolve, reject, timer, unwatch });
    });
  }

  /** A reply without a waiter came too late, or twice: nobody wants it. */
  settle(slot: Slot, reply: unknown): void {
    const failure = failureIn(reply);
    if (failure) this.fail(slot, failure);
    else this.#take(slot)?.resolve(reply);
  }

  fail(slot: Slot, error: RequestError): void {
    this.#take(slot)?.reject(error);
  }

  /** Fails all but those that were not sent yet. */
  failAll(code: "disconnected" | "closed", unsent: readonly { slot: Slot }[] = []): void {
    for (const slot of [...this.#waiters.keys()]) {
      if (!unsent.some((parcel) => parcel.slot === slot)) this.fail(slot, new RequestError(code));
    }
  }

  #take(slot: Slot): Waiter | undefined {
    const waiter = this.#waiters.get(slot);
    if (!waiter) return undefined;
    this.#waiters.delete(slot);
    this.#environment.cancel(waiter.timer);
    waiter.unwatch();
    return waiter;
  }
}

function failureIn(reply: unknown): RequestError | undefined {
  if (!Array.isArray(reply) || reply[0] !== "chsk/error") return undefined;
  const { code, message, data } = Object(reply[1]) as Record<string, unknown>;
  const text = typeof message === "string" ? message : undefined;
  return new RequestError(typeof code === "string" ? code : "failed", text, data);
}
