import { n as randomId, o as SendError, r as Outbox } from "./config-C89N29ue.js";
const DATABASE = "tsugi-outbox";
const LOCK = "tsugi-outbox ";
const OUTBOXES = "outboxes";
const ITEMS = "items";
const RESERVED = 2 ** 20;
const FORGOTTEN_MS = 30 * 864e5;
const RELOAD_MS = 300;
var Store = class Store2 {
  #database;
  #scope;
  #report;
  constructor(database, scope, report) {
    this.#database = database;
    this.#scope = scope;
    this.#report = report;
    database.onversionchange = () => database.close();
  }
  /** @throws whatever the browser has against it. */
  static async open(scope, report) {
    if (!globalThis.indexedDB || !globalThis.navigator?.locks) throw new TypeError("there is no IndexedDB here, or there are no Web Locks");
    const store = new Store2(await openDatabase(report), scope, report);
    await store.#sweep();
    return store;
  }
  close() {
    this.#database.close();
  }
  /** The outbox this tab had before it was loaded anew, else one that nobody has and that holds something, else a new one. */
  async claim() {
    const own = remembered(this.#scope);
    return (own && await this.#claimNamed(own, RELOAD_MS) || await this.claimOrphan()) ?? await this.#claimNew();
  }
  /** One that nobody has and that holds something; what holds nothing is removed. Its first number is above `floor`. */
  async claimOrphan(floor = 0) {
    for (const { name } of await this.#headings()) {
      const claim = await this.#claimNamed(name, void 0, floor);
      if (claim?.items.length) return claim;
      if (claim) await this.remove(claim);
    }
  }
  async remove({ name, J: release }) {
    await this.#run("readwrite", (outboxes, items) => {
      outboxes.delete(name);
      items.delete(itemsOf(name));
    });
    release();
  }
  /** This tab asks for this outbox first when it is loaded anew. */
  remember(name) {
    try {
      sessionStorage.setItem(LOCK + this.#scope, name);
    } catch {
    }
  }
  /** All of it, or nothing. */
  async write(heading, changes) {
    await this.#run("readwrite", (outboxes, items) => {
      const { name, scope, reserved, sent } = heading;
      outboxes.put({
        name,
        scope,
        reserved,
        sent,
        at: Date.now()
      });
      for (const [number, item] of changes) if (item) items.put(item);
      else items.delete([name, number]);
      outboxes.transaction.commit?.();
    });
  }
  async #headings() {
    const found = await this.#run("readonly", (outboxes) => all(outboxes.index("scope").getAll(this.#scope)));
    const good = found().filter(isHeading);
    if (good.length < found().length) {
      const bad = found().filter((one) => !isHeading(one));
      await this.#run("readwrite", (outboxes) => {
        for (const { name } of bad) outboxes.delete(name);
      });
      this.#report("discarded what was no outbox");
    }
    return good;
  }
  async #claimNew() {
    const name = randomId();
    const release = await lock(name);
    if (!release) throw new Error("a new name is taken");
    return this.#take({
      name,
      scope: this.#scope,
      reserved: 0,
      sent: 0,
      at: 0
    }, release);
  }
  async #claimNamed(name, waitMs, floor = 0) {
    const release = await lock(name, waitMs);
    if (!release) return void 0;
    const heading = (await this.#headings()).find((one) => one.name === name);
    if (heading) return this.#take(heading, release, floor);
    release();
  }
  /**
  * Reserves numbers above all that were ever given. This is on the disk before any of them is used: the numbers of a page that
  * the power left would otherwise be given twice, and a server would take what is new for what it has.
  */
  async #take(heading, release, floor = 0) {
    const { name } = heading;
    const last = Math.max(heading.reserved, floor);
    const reserved = last + RESERVED;
    const found = await this.#run("readwrite", (outboxes, items) => {
      outboxes.put({
        ...heading,
        reserved,
        at: Date.now()
      });
      return all(items.getAll(itemsOf(name)));
    }, "strict");
    const good = found().filter((item) => isKept(item, heading.reserved));
    if (good.length < found().length) {
      const bad = found().filter((item) => !isKept(item, heading.reserved));
      await this.#run("readwrite", (_, items) => {
        for (const { n } of bad) items.delete([name, n]);
      });
      this.#report("discarded damaged items of the outbox");
    }
    return {
      ...heading,
      reserved,
      G: last + 1,
      items: good,
      J: release
    };
  }
  /** Removes what was forgotten, whoever's it was. */
  async #sweep() {
    const before = IDBKeyRange.upperBound(Date.now() - FORGOTTEN_MS);
    await this.#run("readwrite", (outboxes, items) => {
      deleteAll(outboxes.index("at").openCursor(before));
      deleteAll(items.index("until").openCursor(before));
    });
  }
  #run(mode, work, durability = "relaxed") {
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction([OUTBOXES, ITEMS], mode, { durability });
      const result = work(transaction.objectStore(OUTBOXES), transaction.objectStore(ITEMS));
      transaction.oncomplete = () => resolve(result);
      transaction.onabort = () => reject(transaction.error ?? /* @__PURE__ */ new Error("the transaction was aborted"));
    });
  }
};
function all(request) {
  return () => request.result;
}
function deleteAll(request) {
  request.onsuccess = () => {
    request.result?.delete();
    request.result?.continue();
  };
}
function itemsOf(name) {
  return IDBKeyRange.bound([name], [name, []]);
}
async function openDatabase(report) {
  const problem = await openOnce().then((database) => {
    if ([OUTBOXES, ITEMS].every((name) => database.objectStoreNames.contains(name))) return database;
    database.close();
    return /* @__PURE__ */ new Error(`the database ${DATABASE} is somebody else's`);
  }, (error) => {
    if (error.name !== "UnknownError") throw error;
    return error;
  });
  if (!(problem instanceof Error)) return problem;
  await settled(indexedDB.deleteDatabase(DATABASE));
  report("discarded the stored outboxes", problem);
  return openOnce();
}
function openOnce() {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => {
    const outboxes = request.result.createObjectStore(OUTBOXES, { keyPath: "name" });
    outboxes.createIndex("scope", "scope");
    outboxes.createIndex("at", "at");
    request.result.createObjectStore(ITEMS, { keyPath: ["outbox", "n"] }).createIndex("until", "until");
  };
  return settled(request);
}
function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
function lock(name, waitMs) {
  const options = waitMs === void 0 ? { ifAvailable: true } : { signal: AbortSignal.timeout(waitMs) };
  return new Promise((resolve, reject) => {
    navigator.locks.request(LOCK + name, options, (lock2) => lock2 ? new Promise((release) => resolve(release)) : resolve(void 0)).catch((error) => error.name === "TimeoutError" ? resolve(void 0) : reject(error));
  });
}
function remembered(scope) {
  try {
    return sessionStorage.getItem(LOCK + scope);
  } catch {
    return null;
  }
}
const isNumber = (value) => Number.isSafeInteger(value) && value >= 0;
function isHeading(value) {
  const { name, reserved, sent } = Object(value);
  return typeof name === "string" && /^[0-9a-f]{32}$/.test(name) && isNumber(reserved) && isNumber(sent);
}
function isKept(value, reserved) {
  const { n, id, text, until } = Object(value);
  const isItem = isNumber(n) && n > 0 && n <= reserved;
  const isMessage = typeof text === "string" || text instanceof Uint8Array;
  return isItem && isMessage && typeof id === "string" && typeof until === "number";
}
const WEEK_MS = 7 * 864e5;
const MAX_MS = 2 ** 31 - 1;
const OPEN_MS = 2e3;
const LOOK_MS = 5e3;
const MAX_ITEMS = 1e3;
const MAX_BYTES = 4 * 1024 * 1024;
const ITEM_CHARS = 100;
function persistent(options = {}) {
  return ((sender, user = options.user) => new PersistentOutbox(sender, options, user));
}
var PersistentOutbox = class extends Outbox {
  #sender;
  #options;
  #kept = /* @__PURE__ */ new Map();
  /** What the store has yet to be told. */
  #changes = /* @__PURE__ */ new Map();
  #store;
  /** As the store has it. What goes beyond its counts may not leave. */
  #claim;
  /** A carrier waits for what is kept, up to this number. */
  #wanted = 0;
  #state = "closed";
  #opening = Promise.resolve();
  #writing;
  /** Tells what was begun before this outbox was left that it comes too late. */
  #epoch = 0;
  #lookTimer;
  constructor(sender, options, user) {
    super(randomId(), sender.f);
    this.#sender = sender;
    this.#options = options;
    this.user = user;
    if (user !== void 0) this.#open();
  }
  ba(id, wantsReply) {
    const { keep = (_, kind) => kind === "event", timeoutMs = WEEK_MS } = this.#options;
    return keep(id, wantsReply ? "request" : "event") ? timeoutMs : void 0;
  }
  l(then) {
    if (this.#state === "closed") this.#open();
    if (this.#state === "open") then();
    else this.#opening.then(then);
  }
  add(id, data, text, wantsReply, ms, signal) {
    const { maxItems = MAX_ITEMS, maxBytes = MAX_BYTES } = this.#options;
    const chars = this.length + text.length + ITEM_CHARS * (this.items.size + 1);
    if (this.items.size >= maxItems || 2 * chars > maxBytes) throw new SendError("queue-full", `${id}: too much is under way`);
    const lasts = Math.min(ms, MAX_MS);
    const delivery = super.add(id, data, text, wantsReply, lasts, signal);
    if ((this.#store !== void 0 || this.#state !== "open") && this.ba(id, wantsReply) !== void 0) {
      this.#kept.set(this.e, {
        until: this.f.now() + lasts,
        stored: false
      });
      if (this.#state === "open") this.#put(this.items.get(this.e));
    }
    return delivery;
  }
  /** Gives out only what the store would still know of after this. */
  o(room) {
    if (this.#state === "closed") this.#open();
    const item = this.j();
    if (this.#state !== "open" || !item) return void 0;
    const { sent = 0, reserved = item.a } = this.#claim ?? {};
    const fate = this.#kept.get(item.a);
    if ((!fate || fate.stored && item.a <= sent) && item.a <= reserved) return super.o(room);
    this.#wanted = this.e;
    this.#write();
  }
  n(taken, handled) {
    super.n(taken, handled);
    this.#lookIn(0);
  }
  d(number, state, outcome) {
    const wasUnderWay = super.d(number, state, outcome);
    if (this.#kept.delete(number) && this.#state === "open") {
      if (!this.#changes.delete(number)) this.#changes.set(number, void 0);
      this.#write();
    }
    if (wasUnderWay && this.items.size === 0) this.#lookIn(LOOK_MS);
    return wasUnderWay;
  }
  /** With the connection's end, or another user, what is kept is over for this page, and stays for the next. */
  p(code, state) {
    if (!state) this.#leave();
    super.p(code, state);
  }
  #open() {
    const epoch = this.#epoch;
    this.#state = "opening";
    this.#opening = this.#opening.then(async () => {
      const found = await this.#find();
      if (epoch !== this.#epoch) return letGo(found);
      this.#state = "open";
      this.#store = found?.store;
      this.#takeOver(found?.claim);
      this.#sender._();
    });
  }
  /** @returns `undefined` when this page has to do without a store. */
  async #find() {
    const { f: environment } = this;
    const finding = this.#findSometime();
    let timer;
    const late = new Promise((_, reject) => {
      timer = environment.m(OPEN_MS, () => reject(/* @__PURE__ */ new Error(`it did not open in ${OPEN_MS} ms`)));
    });
    try {
      return await Promise.race([finding, late]);
    } catch (error) {
      finding.then(letGo, () => {
      });
      this.#report("the outbox is kept in memory only", error);
      return;
    } finally {
      environment.cancel(timer);
    }
  }
  async #findSometime() {
    const url = new URL(this.#sender.url("poll", {}));
    for (const own of [
      "client-id",
      "tsugi",
      "codec"
    ]) url.searchParams.delete(own);
    const scope = JSON.stringify([
      url.href,
      this.#sender.codec.name,
      this.user
    ]);
    const store = await Store.open(scope, (problem, cause) => this.#report(problem, cause));
    try {
      return {
        store,
        claim: await store.claim()
      };
    } catch (error) {
      store.close();
      throw error;
    }
  }
  #leave() {
    const [store, claim] = [this.#store, this.#claim];
    this.#epoch += 1;
    this.#state = "closed";
    this.#kept.clear();
    this.f.cancel(this.#lookTimer);
    this.#store = void 0;
    this.#claim = void 0;
    if (!store || !claim) return;
    this.#opening = Promise.resolve(this.#writing).then(() => letGo({
      store,
      claim
    }));
  }
  /** From now on this is the outbox that was found. What was said before is said after what is in it. */
  #takeOver(claim) {
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
    this.k = claim.G;
    const restored = claim.items.flatMap((kept) => this.#restore(kept) ?? []);
    if (restored.length < claim.items.length) this.#report("discarded damaged items of the outbox");
    this.e = claim.G - 1;
    for (const item of early) this.#renumber(item, fates.get(item.a));
    this.b = [...this.items.values()];
    if (this.#changes.size > 0) this.#write();
    if (restored.length > 0) this.#tell(restored);
  }
  #restore({ n: number, id, text, until }) {
    const read = this.#read(text, number);
    if (!read) {
      this.#changes.set(number, void 0);
      return;
    }
    const leftMs = until - this.f.now();
    this.e = number - 1;
    const delivery = super.add(id, read.data, text, read.i, Math.min(leftMs, MAX_MS));
    this.#kept.set(number, {
      until,
      stored: true
    });
    const item = this.items.get(number);
    if (item && number <= this.sent) item.g.state = "sent";
    if (leftMs <= 0) this.c(number, "timeout", "its time was over before the page was there again");
    return delivery;
  }
  #read(text, number) {
    try {
      const [packet] = this.#sender.codec.decode(text);
      const slot = Number(packet?.slot);
      if (Math.abs(slot) !== number || !Array.isArray(packet?.payload)) return void 0;
      return {
        data: packet.payload[1],
        i: slot > 0
      };
    } catch {
      return;
    }
  }
  /** It was added before anybody knew which numbers were free. */
  #renumber(item, fate) {
    this.e += 1;
    item.a = this.e;
    const { id, data } = item.g;
    item.text = this.#sender.codec.encode({
      id,
      data,
      slot: item.i ? item.a : -item.a
    });
    this.length += item.text.length;
    this.items.set(item.a, item);
    if (!fate) return;
    this.#kept.set(item.a, fate);
    this.#put(item);
  }
  #tell(restored) {
    try {
      this.#options.onRestored?.(restored);
    } catch (error) {
      this.f.aa(error);
    }
  }
  #report(problem, cause) {
    this.f.aa(new Error(`tsugi: ${problem}`, { cause }));
  }
  #put(item) {
    const fate = item && this.#kept.get(item.a);
    if (!this.#store || !fate) return;
    const { a: number, text } = item;
    const kept = {
      outbox: this.name,
      n: number,
      id: item.g.id,
      text,
      until: fate.until
    };
    this.#changes.set(number, kept);
    this.#write();
  }
  #write() {
    if (this.#store && this.#claim) this.#writing ??= this.#writeAll(this.#store, this.#claim);
  }
  async #writeAll(store, claim) {
    await void 0;
    while (this.#changes.size > 0 || this.#wanted > claim.sent) {
      const changes = this.#changes;
      this.#changes = /* @__PURE__ */ new Map();
      const sent = Math.max(claim.sent, this.#wanted);
      const reserved = Math.max(claim.reserved, this.e);
      try {
        await store.write({
          ...claim,
          sent,
          reserved
        }, changes);
        Object.assign(claim, {
          sent,
          reserved
        });
        for (const number of changes.keys()) this.#noteStored(number);
      } catch (error) {
        if (!this.#isFull(changes, error)) this.#lose(store, error);
      }
      this.#sender._();
    }
    this.#writing = void 0;
  }
  #noteStored(number) {
    const fate = this.#kept.get(number);
    if (fate) fate.stored = true;
  }
  /** Where there is no room for what is new, that fails, and what is over can still be removed. */
  #isFull(changes, error) {
    const added = [...changes].filter(([, kept]) => kept);
    if (error.name !== "QuotaExceededError" || added.length === 0) return false;
    for (const [number, kept] of changes) if (!kept) this.#changes.set(number, void 0);
    for (const [number] of added) {
      this.#kept.delete(number);
      this.c(number, "queue-full", "the browser has no room for it");
    }
    return true;
  }
  /** The store is gone, by a user's hand or a disk's: what it knew is in memory too. */
  #lose(store, error) {
    this.#changes.clear();
    this.#wanted = 0;
    if (store !== this.#store) return;
    this.#store = void 0;
    this.#claim = void 0;
    this.#kept.clear();
    this.#report("the outbox is kept in memory only from now on", error);
  }
  #lookIn(ms) {
    const { f: environment } = this;
    environment.cancel(this.#lookTimer);
    const store = this.#store;
    if (store && this.items.size === 0) this.#lookTimer = environment.m(ms, () => void this.#look(store));
  }
  /** A page with nothing to send sends what another one left, in its name: that needs a hello. */
  async #look(store) {
    const mayTake = () => store === this.#store && this.items.size === 0 && this.#sender.state.status === "open";
    try {
      const found = mayTake() ? await store.claimOrphan(this.k) : void 0;
      await this.#writing;
      const own = this.#claim;
      if (found && mayTake()) this.#sender.reconnect();
      if (!found || !own || store !== this.#store || this.items.size > 0) {
        found?.J();
        this.#lookIn(LOOK_MS);
        return;
      }
      this.#takeOver(found);
      await store.remove(own);
    } catch (error) {
      this.#lose(store, error);
    }
  }
};
function letGo(found) {
  found?.claim.J();
  found?.store.close();
}
export { persistent };
