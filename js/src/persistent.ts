/** An outbox that outlives the page: docs/wire.md, "The outbox", and the README, "What outlives the page". */
import type { Message } from "./codec.js";
import { randomId, type Sender } from "./config.js";
import type { Timer } from "./environment.js";
import { SendError } from "./errors.js";
import { type Item, Outbox } from "./outbox.js";
import { type Changes, type Claim, type Kept, Store } from "./persistent/store.js";
import type { Parcel } from "./transport/carrier.js";
import type { Delivery, OutboxKind } from "./types.js";

/** Options of `persistent`; every one has a default. */
export interface PersistentOptions {
  /**
   * Whose page this is, as the server calls the user; `null` for an anonymous one. Default: whoever the first connection says,
   * and until then nothing is kept.
   */
  user?: string | null;
  /** Which are kept, by their ids. Default: every event and no request. */
  keep?: (id: string, kind: "event" | "request") => boolean;
  /** How long one that is kept may take when it does not say so itself, in ms; at most 24 days. Default: a week. */
  timeoutMs?: number;
  /** Events and requests that may be under way in one page. Default: 1000. */
  maxItems?: number;
  /** The bytes that they may need, about. Default: 4 MiB. */
  maxBytes?: number;
  /**
   * Calls back with what an earlier page left, or a closed one: now it is in the `outbox` of this page's client. What is too
   * old by now has failed with `timeout`.
   */
  onRestored?: (deliveries: readonly Delivery[]) => void;
}

const WEEK_MS = 7 * 86_400_000;
/** The most a timer can wait. */
const MAX_MS = 2 ** 31 - 1;
/** A browser that takes longer to open its store is not waited for. */
const OPEN_MS = 2000;
/** How often a page with nothing to send looks for what closed ones left. */
const LOOK_MS = 5000;
const MAX_ITEMS = 1000;
const MAX_BYTES = 4 * 1024 * 1024;
/** A string's characters need two bytes each, and an item besides about so many. */
const ITEM_CHARS = 100;

/**
 * For the option `outbox` of `connect`: keeps what is sent in IndexedDB, until a server has handled it. Where there is no IndexedDB
 * and no Web Locks it keeps it in memory, and says so once by `reportError`.
 */
export function persistent(options: PersistentOptions = {}): OutboxKind {
  return ((sender: Sender, user = options.user) => new PersistentOutbox(sender, options, user)) as OutboxKind;
}

/** What is known of an item that is kept. */
interface Fate {
  until: number;
  stored: boolean;
}

class PersistentOutbox extends Outbox {
  readonly #sender: Sender;
  readonly #options: PersistentOptions;
  readonly #kept = new Map<number, Fate>();
  /** What the store has yet to be told. */
  #changes: Changes = new Map();
  #store: Store | undefined;
  /** As the store has it. What goes beyond its counts may not leave. */
  #claim: Claim | undefined;
  /** A carrier waits for what is kept, up to this number. */
  #wanted = 0;
  #state: "closed" | "opening" | "open" = "closed";
  #opening: Promise<void> = Promise.resolve();
  #writing: Promise<void> | undefined;
  /** Tells what was begun before this outbox was left that it comes too late. */
  #epoch = 0;
  #lookTimer: Timer;

  constructor(sender: Sender, options: PersistentOptions, user: string | null | undefined) {
    super(randomId(), sender.environment);
    this.#sender = sender;
    this.#options = options;
    this.user = user;
    if (user !== undefined) this.#open();
  }

  override keepsFor(id: string, wantsReply: boolean): number | undefined {
    const { keep = (_, kind) => kind === "event", timeoutMs = WEEK_MS } = this.#options;
    return keep(id, wantsReply ? "request" : "event") ? timeoutMs : undefined;
  }

  override whenOpen(then: () => void): void {
    if (this.#state === "closed") this.#open();
    if (this.#state === "open") then();
    else void this.#opening.then(then);
  }

  override add(
    id: string,
    data: unknown,
    text: Message,
    wantsReply: boolean,
    ms: number,
    signal?: AbortSignal,
  ): Delivery {
    const { maxItems = MAX_ITEMS, maxBytes = MAX_BYTES } = this.#options;
    const chars = this.length + text.length + ITEM_CHARS * (this.items.size + 1);
    if (this.items.size >= maxItems || 2 * chars > maxBytes)
      throw new SendError("queue-full", `${id}: too much is under way`);
    const lasts = Math.min(ms, MAX_MS);
    const delivery = super.add(id, data, text, wantsReply, lasts, signal);
    const mayKeep = this.#store !== undefined || this.#state !== "open";
    if (mayKeep && this.keepsFor(id, wantsReply) !== undefined) {
      this.#kept.set(this.last, { until: this.environment.now() + lasts, stored: false });
      if (this.#state === "open") this.#put(this.items.get(this.last));
    }
    return delivery;
  }

  /** Gives out only what the store would still know of after this. */
  override take(room?: number): Parcel | undefined {
    if (this.#state === "closed") this.#open();
    const item = this.front();
    if (this.#state !== "open" || !item) return undefined;
    const { sent = 0, reserved = item.number } = this.#claim ?? {};
    const fate = this.#kept.get(item.number);
    const isSafe = !fate || (fate.stored && item.number <= sent);
    if (isSafe && item.number <= reserved) return super.take(room);
    this.#wanted = this.last;
    this.#write();
    return undefined;
  }

  override rewind(taken: number, handled: number): void {
    super.rewind(taken, handled);
    this.#lookIn(0);
  }

  override end(number: number, state: Delivery["state"], outcome?: Partial<Delivery>): boolean {
    const wasUnderWay = super.end(number, state, outcome);
    if (this.#kept.delete(number) && this.#state === "open") {
      // What is still to be written need not be.
      if (!this.#changes.delete(number)) this.#changes.set(number, undefined);
      this.#write();
    }
    if (wasUnderWay && this.items.size === 0) this.#lookIn(LOOK_MS);
    return wasUnderWay;
  }

  /** With the connection's end, or another user, what is kept is over for this page, and stays for the next. */
  override failAll(code: string, state?: Delivery["state"]): void {
    if (!state) this.#leave();
    super.failAll(code, state);
  }

  // Opening and leaving.

  #open(): void {
    const epoch = this.#epoch;
    this.#state = "opening";
    // What was left before is let go of before.
    this.#opening = this.#opening.then(async () => {
      const found = await this.#find();
      if (epoch !== this.#epoch) return letGo(found);
      this.#state = "open";
      this.#store = found?.store;
      this.#takeOver(found?.claim);
      this.#sender.flush();
    });
  }

  /** @returns `undefined` when this page has to do without a store. */
  async #find(): Promise<Found | undefined> {
    const { environment } = this;
    const finding = this.#findSometime();
    let timer: Timer;
    const late = new Promise<never>((_, reject) => {
      timer = environment.after(OPEN_MS, () => reject(new Error(`it did not open in ${OPEN_MS} ms`)));
    });
    try {
      return await Promise.race([finding, late]);
    } catch (error) {
      finding.then(letGo, () => {});
      this.#report("the outbox is kept in memory only", error);
      return undefined;
    } finally {
      environment.cancel(timer);
    }
  }

  async #findSometime(): Promise<Found> {
    const url = new URL(this.#sender.url("poll", {}));
    for (const own of ["client-id", "tsugi", "codec"]) url.searchParams.delete(own);
    const scope = JSON.stringify([url.href, this.#sender.codec.name, this.user]);
    const store = await Store.open(scope, (problem, cause) => this.#report(problem, cause));
    try {
      return { store, claim: await store.claim() };
    } catch (error) {
      store.close();
      throw error;
    }
  }

  #leave(): void {
    const [store, claim] = [this.#store, this.#claim];
    this.#epoch += 1;
    this.#state = "closed";
    this.#kept.clear();
    this.environment.cancel(this.#lookTimer);
    this.#store = undefined;
    this.#claim = undefined;
    if (!store || !claim) return;
    // First what is still to be written.
    this.#opening = Promise.resolve(this.#writing).then(() => letGo({ store, claim }));
  }

  /** From now on this is the outbox that was found. What was said before is said after what is in it. */
  #takeOver(claim: Claim | undefined): void {
    const early = [...this.items.values()];
    const fates = new Map(this.#kept);
    this.#kept.clear();
    if (!claim) return;
    this.items.clear();
    this.length = 0;
    this.#wanted = 0;
    this.#claim = claim;
    this.name = claim.name;
    this.#store?.remember(claim.name);
    this.sent = claim.sent;
    // Above all that pages before this one said: the first number of each is a million above that of the one before.
    this.attempts = claim.first;
    const restored = claim.items.flatMap((kept) => this.#restore(kept) ?? []);
    if (restored.length < claim.items.length) this.#report("discarded damaged items of the outbox");
    this.last = claim.first - 1;
    for (const item of early) this.#renumber(item, fates.get(item.number));
    this.due = [...this.items.values()];
    if (this.#changes.size > 0) this.#write();
    if (restored.length > 0) this.#tell(restored);
  }

  #restore({ n: number, id, text, until }: Kept): Delivery | undefined {
    const read = this.#read(text, number);
    if (!read) {
      this.#changes.set(number, undefined);
      return undefined;
    }
    const leftMs = until - this.environment.now();
    this.last = number - 1;
    const delivery = super.add(id, read.data, text, read.wantsReply, Math.min(leftMs, MAX_MS));
    this.#kept.set(number, { until, stored: true });
    const item = this.items.get(number);
    if (item && number <= this.sent) item.delivery.state = "sent";
    if (leftMs <= 0) this.fail(number, "timeout", "its time was over before the page was there again");
    return delivery;
  }

  #read(text: Message, number: number): { data: unknown; wantsReply: boolean } | undefined {
    try {
      const [packet] = this.#sender.codec.decode(text);
      const slot = Number(packet?.slot);
      if (Math.abs(slot) !== number || !Array.isArray(packet?.payload)) return undefined;
      return { data: packet.payload[1], wantsReply: slot > 0 };
    } catch {
      return undefined;
    }
  }

  /** It was added before anybody knew which numbers were free. */
  #renumber(item: Item, fate: Fate | undefined): void {
    this.last += 1;
    item.number = this.last;
    const { id, data } = item.delivery;
    item.text = this.#sender.codec.encode({ id, data, slot: item.wantsReply ? item.number : -item.number });
    this.length += item.text.length;
    this.items.set(item.number, item);
    if (!fate) return;
    this.#kept.set(item.number, fate);
    this.#put(item);
  }

  #tell(restored: Delivery[]): void {
    try {
      this.#options.onRestored?.(restored);
    } catch (error) {
      this.environment.report(error);
    }
  }

  #report(problem: string, cause?: unknown): void {
    this.environment.report(new Error(`tsugi: ${problem}`, { cause }));
  }

  // Writing.

  #put(item: Item | undefined): void {
    const fate = item && this.#kept.get(item.number);
    if (!this.#store || !fate) return;
    const { number, text } = item;
    const kept = { outbox: this.name, n: number, id: item.delivery.id, text, until: fate.until };
    this.#changes.set(number, kept);
    this.#write();
  }

  #write(): void {
    if (this.#store && this.#claim) this.#writing ??= this.#writeAll(this.#store, this.#claim);
  }

  async #writeAll(store: Store, claim: Claim): Promise<void> {
    // What is said in one turn is written at once, and by then a carrier has asked for it if there is one.
    await undefined;
    while (this.#changes.size > 0 || this.#wanted > claim.sent) {
      const changes = this.#changes;
      this.#changes = new Map();
      const sent = Math.max(claim.sent, this.#wanted);
      const reserved = Math.max(claim.reserved, this.last);
      try {
        await store.write({ ...claim, sent, reserved }, changes);
        Object.assign(claim, { sent, reserved });
        for (const number of changes.keys()) this.#noteStored(number);
      } catch (error) {
        if (!this.#isFull(changes, error)) this.#lose(store, error);
      }
      this.#sender.flush();
    }
    this.#writing = undefined;
  }

  #noteStored(number: number): void {
    const fate = this.#kept.get(number);
    if (fate) fate.stored = true;
  }

  /** Where there is no room for what is new, that fails, and what is over can still be removed. */
  #isFull(changes: Changes, error: unknown): boolean {
    const added = [...changes].filter(([, kept]) => kept);
    if ((error as Error).name !== "QuotaExceededError" || added.length === 0) return false;
    for (const [number, kept] of changes) if (!kept) this.#changes.set(number, undefined);
    for (const [number] of added) {
      this.#kept.delete(number);
      this.fail(number, "queue-full", "the browser has no room for it");
    }
    return true;
  }

  /** The store is gone, by a user's hand or a disk's: what it knew is in memory too. */
  #lose(store: Store, error: unknown): void {
    this.#changes.clear();
    this.#wanted = 0;
    if (store !== this.#store) return;
    this.#store = undefined;
    this.#claim = undefined;
    this.#kept.clear();
    this.#report("the outbox is kept in memory only from now on", error);
  }

  // What closed pages left.

  #lookIn(ms: number): void {
    const { environment } = this;
    environment.cancel(this.#lookTimer);
    const store = this.#store;
    if (store && this.items.size === 0) this.#lookTimer = environment.after(ms, () => void this.#look(store));
  }

  /** A page with nothing to send sends what another one left, in its name: that needs a hello. */
  async #look(store: Store): Promise<void> {
    const mayTake = () =>
      store === this.#store && this.items.size === 0 && this.#sender.state.status === "open";
    try {
      // Its numbers begin above this page's hellos, or the next would count as one that comes late.
      const found = mayTake() ? await store.claimOrphan(this.attempts) : undefined;
      await this.#writing;
      const own = this.#claim;
      // The carrier there is brings another outbox.
      if (found && mayTake()) this.#sender.reconnect();
      if (!found || !own || store !== this.#store || this.items.size > 0) {
        found?.release();
        this.#lookIn(LOOK_MS);
        return;
      }
      this.#takeOver(found);
      await store.remove(own);
    } catch (error) {
      this.#lose(store, error);
    }
  }
}

interface Found {
  store: Store;
  claim: Claim;
}

function letGo(found: Found | undefined): void {
  found?.claim.release();
  found?.store.close();
}
