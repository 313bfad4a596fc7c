/** What the application sends, in order, until the server has handled it: docs/wire.md, "The outbox". */
import type { Message } from "./codec.js";
import type { Environment } from "./environment.js";
import { failureIn, RequestError } from "./errors.js";
import type { Parcel } from "./transport/carrier.js";
import type { Delivery } from "./types.js";

/** What its owner may not do to an item. */
export interface Item extends Parcel {
  number: number;
  text: Message;
  delivery: { -readonly [K in keyof Delivery]: Delivery[K] };
  settle(): void;
}

/** This one lives in memory, and as long as the page. `tsugi/outbox` adds one that outlives it. */
export class Outbox {
  /** By this the server knows it; a secret. */
  name: string;
  /** Whose it is: `undefined` until a server has said who this is. */
  user: string | null | undefined;
  /** The last item that any server may have. */
  sent = 0;
  /** How often it was named in a hello: one that comes late must not undo a later one. */
  attempts = 0;
  /** The last number that was given. */
  last = 0;
  /** Characters or bytes under way. */
  length = 0;
  readonly items = new Map<number, Item>();
  /** Those of them that the carrier has yet to take. */
  due: Item[] = [];
  protected readonly environment: Environment;

  constructor(name: string, environment: Environment) {
    this.name = name;
    this.environment = environment;
  }

  /** Calls back once the name and the counts are known. */
  whenOpen(then: () => void): void {
    then();
  }

  /** For how many ms it keeps such an item beyond the life of the page; `undefined` where it does not. */
  keepsFor?(id: string, wantsReply: boolean): number | undefined;

  add(
    id: string,
    data: unknown,
    text: Message,
    wantsReply: boolean,
    ms: number,
    signal?: AbortSignal,
  ): Delivery {
    this.last += 1;
    const late = () => this.fail(item.number, "timeout", `not done within ${ms} ms`);
    const aborted = () => this.fail(item.number, "aborted");
    const timer = this.environment.after(ms, late);
    signal?.addEventListener("abort", aborted);
    const cancel = () => delivery.state === "waiting" && aborted();
    let resolve: (delivery: Delivery) => void;
    const settled = new Promise<Delivery>((settle) => {
      resolve = settle;
    });
    const delivery: Item["delivery"] = { id, data, state: "waiting", settled, cancel };
    const settle = () => {
      this.items.delete(item.number);
      this.length -= item.text.length;
      this.environment.cancel(timer);
      signal?.removeEventListener("abort", aborted);
      resolve(delivery);
    };
    const item: Item = { number: this.last, text, wantsReply, delivery, settle };
    this.items.set(this.last, item);
    this.due.push(item);
    this.length += text.length;
    return delivery;
  }

  /** A carrier begins, to a server that has taken and handled so much: what it has not taken goes out again. */
  rewind(taken: number, handled: number): void {
    this.handled(handled);
    this.due = [...this.items.values()].filter(({ number }) => number > taken);
  }

  /** The next for the carrier, if it is no larger than this. */
  take(room?: number): Parcel | undefined {
    const item = this.front();
    // Nothing is more than `undefined`.
    if (!item || item.text.length > (room as number)) return undefined;
    this.due.shift();
    item.delivery.state = "sent";
    this.sent = Math.max(this.sent, item.number);
    return item;
  }

  /** The first that is due, and still under way. */
  front(): Item | undefined {
    while (this.due[0] && !this.items.has(this.due[0].number)) this.due.shift();
    return this.due[0];
  }

  /**
   * An answer: the reply to a request, or, to a number below zero, that everything up to there was handled, and every reply that
   * the server has for it was sent before.
   */
  settle(number: number, reply: unknown): void {
    const failure = failureIn(reply);
    if (number < 0) this.handled(-number, "reply-lost");
    // A reply that nobody waits for came too late, or twice.
    else if (failure) this.end(number, "failed", { error: failure });
    else this.end(number, "handled", { reply });
  }

  /** The server has handled everything up to this; the replies among it come by themselves, or are `lost`. */
  handled(upTo: number, lost?: string): void {
    for (const { number, wantsReply } of [...this.items.values()])
      if (number > upTo) return;
      else if (!wantsReply) this.end(number, "handled");
      else if (lost) this.fail(number, lost);
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
