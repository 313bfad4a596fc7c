/** Outboxes in IndexedDB: what is kept of each, and which page has it. */
import type { Message } from "../codec.js";
import { randomId } from "../config.js";

/** Every origin has one database of this name. */
const DATABASE = "tsugi-outbox";
const LOCK = "tsugi-outbox ";
const OUTBOXES = "outboxes";
const ITEMS = "items";
/** Numbers are reserved in advance, so many at a time. */
const RESERVED = 2 ** 20;
/** So long after an item's end, or after an outbox was last written, nobody will ask for it. */
const FORGOTTEN_MS = 30 * 86_400_000;
/** A page that is loaded anew may come before its predecessor has let go of the lock. */
const RELOAD_MS = 300;

type Report = (problem: string, cause?: unknown) => void;

/** An outbox, but for its items. */
export interface Heading {
  name: string;
  scope: string;
  /** No greater number was ever given. */
  reserved: number;
  /** No item of a greater number was ever sent. */
  sent: number;
  at: number;
}

/** An item. Names of what is stored must not be shortened. */
export interface Kept {
  outbox: string;
  /** Its number. */
  n: number;
  id: string;
  /** As it goes over the wire. */
  text: Message;
  /** Its end, in ms since 1970. */
  until: number;
}

/** An outbox that is this page's, until it lets go or is gone. */
export interface Claim extends Heading {
  /** The first number that is free. */
  first: number;
  /** In order. */
  items: Kept[];
  release(): void;
}

/** What changes: an item by its number is there, or is not any more. */
export type Changes = Map<number, Kept | undefined>;

export class Store {
  readonly #database: IDBDatabase;
  readonly #scope: string;
  readonly #report: Report;

  private constructor(database: IDBDatabase, scope: string, report: Report) {
    this.#database = database;
    this.#scope = scope;
    this.#report = report;
    // Another page deletes the database, or brings a later form of it.
    database.onversionchange = () => database.close();
  }

  /** @throws whatever the browser has against it. */
  static async open(scope: string, report: Report): Promise<Store> {
    if (!globalThis.indexedDB || !globalThis.navigator?.locks)
      throw new TypeError("there is no IndexedDB here, or there are no Web Locks");
    const store = new Store(await openDatabase(report), scope, report);
    await store.#sweep();
    return store;
  }

  close(): void {
    this.#database.close();
  }

  /** The outbox this tab had before it was loaded anew, else one that nobody has and that holds something, else a new one. */
  async claim(): Promise<Claim> {
    const own = remembered(this.#scope);
    const found = (own && (await this.#claimNamed(own, RELOAD_MS))) || (await this.claimOrphan());
    return found ?? (await this.#claimNew());
  }

  /** One that nobody has and that holds something; what holds nothing is removed. Its first number is above `floor`. */
  async claimOrphan(floor = 0): Promise<Claim | undefined> {
    for (const { name } of await this.#headings()) {
      const claim = await this.#claimNamed(name, undefined, floor);
      if (claim?.items.length) return claim;
      if (claim) await this.remove(claim);
    }
    return undefined;
  }

  async remove({ name, release }: Pick<Claim, "name" | "release">): Promise<void> {
    await this.#run("readwrite", (outboxes, items) => {
      outboxes.delete(name);
      items.delete(itemsOf(name));
    });
    release();
  }

  /** This tab asks for this outbox first when it is loaded anew. */
  remember(name: string): void {
    try {
      sessionStorage.setItem(LOCK + this.#scope, name);
    } catch {
      // Then it takes any that is free.
    }
  }

  /** All of it, or nothing. */
  async write(heading: Heading, changes: Changes): Promise<void> {
    await this.#run("readwrite", (outboxes, items) => {
      const { name, scope, reserved, sent } = heading;
      outboxes.put({ name, scope, reserved, sent, at: Date.now() } satisfies Heading);
      for (const [number, item] of changes) {
        if (item) items.put(item);
        else items.delete([name, number]);
      }
      // A page that goes away now does not take it back.
      outboxes.transaction.commit?.();
    });
  }

  async #headings(): Promise<Heading[]> {
    const found = await this.#run("readonly", (outboxes) => all(outboxes.index("scope").getAll(this.#scope)));
    const good = found().filter(isHeading);
    if (good.length < found().length) {
      const bad = found().filter((one) => !isHeading(one)) as { name: IDBValidKey }[];
      await this.#run("readwrite", (outboxes) => {
        for (const { name } of bad) outboxes.delete(name);
      });
      this.#report("discarded what was no outbox");
    }
    return good;
  }

  async #claimNew(): Promise<Claim> {
    const name = randomId();
    const release = await lock(name);
    if (!release) throw new Error("a new name is taken");
    return this.#take({ name, scope: this.#scope, reserved: 0, sent: 0, at: 0 }, release);
  }

  async #claimNamed(name: string, waitMs?: number, floor = 0): Promise<Claim | undefined> {
    const release = await lock(name, waitMs);
    if (!release) return undefined;
    // It may have been removed before its lock was free.
    const heading = (await this.#headings()).find((one) => one.name === name);
    if (heading) return this.#take(heading, release, floor);
    release();
    return undefined;
  }

  /**
   * Reserves numbers above all that were ever given. This is on the disk before any of them is used: the numbers of a page that
   * the power left would otherwise be given twice, and a server would take what is new for what it has.
   */
  async #take(heading: Heading, release: () => void, floor = 0): Promise<Claim> {
    const { name } = heading;
    const last = Math.max(heading.reserved, floor);
    const reserved = last + RESERVED;
    const found = await this.#run(
      "readwrite",
      (outboxes, items) => {
        outboxes.put({ ...heading, reserved, at: Date.now() });
        return all(items.getAll(itemsOf(name)));
      },
      "strict",
    );
    const good = found().filter((item): item is Kept => isKept(item, heading.reserved));
    if (good.length < found().length) {
      const bad = found().filter((item) => !isKept(item, heading.reserved)) as { n: IDBValidKey }[];
      await this.#run("readwrite", (_, items) => {
        for (const { n } of bad) items.delete([name, n]);
      });
      this.#report("discarded damaged items of the outbox");
    }
    return { ...heading, reserved, first: last + 1, items: good, release };
  }

  /** Removes what was forgotten, whoever's it was. */
  async #sweep(): Promise<void> {
    const before = IDBKeyRange.upperBound(Date.now() - FORGOTTEN_MS);
    await this.#run("readwrite", (outboxes, items) => {
      deleteAll(outboxes.index("at").openCursor(before));
      deleteAll(items.index("until").openCursor(before));
    });
  }

  #run<T>(
    mode: IDBTransactionMode,
    work: (outboxes: IDBObjectStore, items: IDBObjectStore) => T,
    durability: IDBTransactionDurability = "relaxed",
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction([OUTBOXES, ITEMS], mode, { durability });
      const result = work(transaction.objectStore(OUTBOXES), transaction.objectStore(ITEMS));
      transaction.oncomplete = () => resolve(result);
      transaction.onabort = () => reject(transaction.error ?? new Error("the transaction was aborted"));
    });
  }
}

/** What a request found, once its transaction is complete. */
function all(request: IDBRequest<unknown[]>): () => unknown[] {
  return () => request.result;
}

function deleteAll(request: IDBRequest<IDBCursorWithValue | null>): void {
  request.onsuccess = () => {
    request.result?.delete();
    request.result?.continue();
  };
}

function itemsOf(name: string): IDBKeyRange {
  return IDBKeyRange.bound([name], [name, []]);
}

/** What is no database of ours, or a broken one, gives way to a new one. */
async function openDatabase(report: Report): Promise<IDBDatabase> {
  const problem = await openOnce().then(
    (database) => {
      if ([OUTBOXES, ITEMS].every((name) => database.objectStoreNames.contains(name))) return database;
      database.close();
      return new Error(`the database ${DATABASE} is somebody else's`);
    },
    (error: DOMException) => {
      // Others are no damage: a private window, or a later version of this package.
      if (error.name !== "UnknownError") throw error;
      return error;
    },
  );
  if (!(problem instanceof Error)) return problem;
  await settled(indexedDB.deleteDatabase(DATABASE));
  report("discarded the stored outboxes", problem);
  return openOnce();
}

function openOnce(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => {
    const outboxes = request.result.createObjectStore(OUTBOXES, { keyPath: "name" });
    outboxes.createIndex("scope", "scope");
    outboxes.createIndex("at", "at");
    const items = request.result.createObjectStore(ITEMS, { keyPath: ["outbox", "n"] });
    items.createIndex("until", "until");
  };
  return settled(request);
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Held until it is released or the page is gone. @returns `undefined` when another page has it. */
function lock(name: string, waitMs?: number): Promise<(() => void) | undefined> {
  const options: LockOptions =
    waitMs === undefined ? { ifAvailable: true } : { signal: AbortSignal.timeout(waitMs) };
  return new Promise((resolve, reject) => {
    const held = navigator.locks.request(LOCK + name, options, (lock) =>
      lock ? new Promise<void>((release) => resolve(release)) : resolve(undefined),
    );
    held.catch((error: Error) => (error.name === "TimeoutError" ? resolve(undefined) : reject(error)));
  });
}

/** A tab remembers the name of its outbox, as long as it is there. */
function remembered(scope: string): string | null {
  try {
    return sessionStorage.getItem(LOCK + scope);
  } catch {
    return null;
  }
}

const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function isHeading(value: unknown): value is Heading {
  const { name, reserved, sent } = Object(value) as Partial<Heading>;
  return typeof name === "string" && /^[0-9a-f]{32}$/.test(name) && isNumber(reserved) && isNumber(sent);
}

function isKept(value: unknown, reserved: number): value is Kept {
  const { n, id, text, until } = Object(value) as Partial<Kept>;
  const isItem = isNumber(n) && n > 0 && n <= reserved;
  const isMessage = typeof text === "string" || text instanceof Uint8Array;
  return isItem && isMessage && typeof id === "string" && typeof until === "number";
}
