/** Who listens to what. A handler that throws is reported and takes nothing from the others. */

type Handler = (...what: never[]) => void;

/** Names for what is no event of the application. Its own never begin so. */
export const ANY = "chsk/any";
export const GAP = "chsk/gap";
export const STATE = "chsk/state";

export class Events {
  readonly #handlers = new Set<{ id: string; handler: Handler }>();
  readonly #report: (error: unknown) => void;

  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  /** Adding a function twice is two subscriptions, each with its own end. */
  on(id: string, handler: Handler): () => void {
    const own = { id, handler };
    this.#handlers.add(own);
    return () => {
      this.#handlers.delete(own);
    };
  }

  tell(id: string, ...what: unknown[]): void {
    for (const { id: wanted, handler } of [...this.#handlers]) {
      if (wanted !== id) continue;
      try {
        const result: unknown = handler(...(what as never[]));
        // An async handler's failure is as much its own as a thrown one.
        if (result instanceof Promise) result.catch((error: unknown) => this.#report(error));
      } catch (error) {
        this.#report(error);
      }
    }
  }

  /** Events of one batch, one after another; what is no event is reported and passed over. */
  batch(events: readonly unknown[]): void {
    for (const event of events) {
      if (Array.isArray(event) && typeof event[0] === "string") {
        this.tell(event[0], event[1]);
        this.tell(ANY, event[0], event[1]);
      } else this.#report(new TypeError("tsugi: the server sent what is no event"));
    }
  }
}
