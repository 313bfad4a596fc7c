/** What the application sends, in order, until the server has handled it: docs/wire.md, "The outbox". */
import type { Message } from "./codec.js";
import type { Environment } from "./environment.js";
import { failureIn, RequestError } from "./errors.js";
import type { Parcel } from "./transport/carrier.js";
import type { Delivery } from "./types.js";

/** What its owner may not do to an item. */
interface Item extends Parcel {
  delivery: { -readonly [K in keyof Delivery]: Delivery[K] };
  settle(): void;
}

export class Outbox {
  /** By this the server knows it; a secret. */
  readonly name: string;
  /** The last item that any server may have. */
  sent = 0;
  /** The last number that was given. */
  last = 0;
  /** Characters or bytes under way. */
  length = 0;
  readonly items = new Map<number, Item>();
  /** Those of them that the carrier has yet to take. */
  #due: Item[] = [];
  readonly #environment: Environment;

  constructor(name: string, environment: Environment) {
    this.name = name;
    this.#environment = environment;
  }

  get deliveries(): Delivery[] {
    return Array.from(this.items.values(), (item) => item.delivery);
  }

  add(
    id: string,
    data: unknown,
    text: Message,
    wantsReply: boolean,
    ms: number,
    signal?: AbortSignal,
  ): Delivery {
    this.last += 1;
    const number = this.last;
    const late = () => this.fail(number, "timeout", `not done within ${ms} ms`);
    const aborted = () => this.fail(number, "aborted");
    const timer = this.#environment.after(ms, late);
    signal?.addEventListener("abort", aborted);
    const cancel = () => delivery.state === "waiting" && this.fail(number, "aborted");
    let resolve: (delivery: Delivery) => void;
    const settled = new Promise<Delivery>((settle) => {
      resolve = settle;
    });
    const delivery: Item["delivery"] = { id, data, state: "waiting", settled, cancel };
    const settle = () => {
      this.items.delete(number);
      this.length -= text.length;
      this.#environment.cancel(timer);
      signal?.removeEventListener("abort", aborted);
      resolve(delivery);
    };
    const item = { number, text, wantsReply, delivery, settle };
    this.items.set(number, item);
    this.#due.push(item);
    this.length += text.length;
    return delivery;
  }

  /** A carrier begins, to a server that has taken and handled so much: what it has not taken goes out again. */
  rewind(taken: number, handled: number): void {
    this.handled(handled);
    this.#due = [...this.items.values()].filter(({ number }) => number > taken);
  }

  /** The next for the carrier, if it is no larger than this. */
  take(room = Number.POSITIVE_INFINITY): Parcel | undefined {
    for (let item = this.#due[0]; item; item = this.#due[0]) {
      if (this.items.has(item.number)) {
        if (item.text.length > room) return undefined;
        this.#due.shift();
        item.delivery.state = "sent";
        this.sent = Math.max(this.sent, item.number);
        return item;
      }
      this.#due.shift();
    }
    return undefined;
  }

  /** A reply that nobody waits for came too late, or twice. */
  settle(number: number, reply: unknown): void {
    const failure = failureIn(reply);
    if (failure) this.end(number, "failed", { error: failure });
    else this.end(number, "handled", { reply });
  }

  /** The server has handled everything up to this; the replies among it come by themselves. */
  handled(upTo: number): void {
    for (const { number, wantsReply } of [...this.items.values()]) {
      if (number > upTo) return;
      if (!wantsReply) this.end(number, "handled");
    }
  }

  fail(number: number, code: string, message?: string): boolean {
    return this.end(number, "failed", { error: new RequestError(code, message) });
  }

  /** Fails everything, or what was sent. */
  failAll(code: string, state?: Delivery["state"]): void {
    for (const { number, delivery } of [...this.items.values()])
      if (!state || delivery.state === state) this.fail(number, code);
  }

  /** @returns whether it was still under way. */
  end(number: number, state: Delivery["state"], outcome?: Partial<Delivery>): boolean {
    const item = this.items.get(number);
    if (!item) return false;
    Object.assign(item.delivery, outcome, { state });
    item.settle();
    return true;
  }
}
