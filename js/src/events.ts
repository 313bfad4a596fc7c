/** Who listens to what. A handler that throws is reported and takes nothing from the others. */
import type { State } from "./state.js";

type Handler = (data: unknown) => void;
type AnyHandler = (id: string, data: unknown) => void;
type StateHandler = (now: State, before: State) => void;

export class Events {
  readonly #handlers = new Map<string, Set<Handler>>();
  readonly #anyHandlers = new Set<AnyHandler>();
  readonly #stateHandlers = new Set<StateHandler>();
  readonly #report: (error: unknown) => void;

  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  on(id: string, handler: Handler): () => void {
    const handlers = this.#handlers.get(id) ?? new Set();
    this.#handlers.set(id, handlers);
    return add(handlers, (data: unknown) => handler(data));
  }

  onAny(handler: AnyHandler): () => void {
    return add(this.#anyHandlers, (id: string, data: unknown) => handler(id, data));
  }

  onState(handler: StateHandler): () => void {
    return add(this.#stateHandlers, (now: State, before: State) => handler(now, before));
  }

  state(now: State, before: State): void {
    for (const handler of [...this.#stateHandlers]) this.#guard(() => handler(now, before));
  }

  /** Events of one batch, one after another; what is no event is reported and passed over. */
  batch(events: readonly unknown[]): void {
    for (const event of events) {
      if (Array.isArray(event) && typeof event[0] === "string") this.#event(event[0], event[1]);
      else this.#report(new TypeError("tsugi: the server sent what is no event"));
    }
  }

  #event(id: string, data: unknown): void {
    for (const handler of [...(this.#handlers.get(id) ?? [])]) this.#guard(() => handler(data));
    for (const handler of [...this.#anyHandlers]) this.#guard(() => handler(id, data));
  }

  #guard(call: () => unknown): void {
    try {
      const result = call();
      // An async handler's failure is as much its own as a thrown one.
      if (result instanceof Promise) result.catch((error: unknown) => this.#report(error));
    } catch (error) {
      this.#report(error);
    }
  }
}

/** Handlers come wrapped, so that adding a function twice is two subscriptions, each with its own end. */
function add<H>(handlers: Set<H>, handler: H): () => void {
  handlers.add(handler);
  return () => {
    handlers.delete(handler);
  };
}
