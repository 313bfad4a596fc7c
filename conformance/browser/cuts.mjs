// "Nothing lost, nothing twice" with a real server and real connections that are cut: the run, and what is checked of it.
import { readFile } from "node:fs/promises";
import { setTimeout as later } from "node:timers/promises";
import { startCounting } from "./counting.mjs";
import { startFlaky } from "./flaky.mjs";
import { seeded } from "./seeded.mjs";

/** Nothing at all happened for so long: then nothing will. Far longer than any wait of a client. */
const STUCK_MS = 60_000;
const PATH = "/chsk-cuts";
/** As the server counts the reasons why a client may miss something. */
const GAPS = ["overflow", "expired", "restarted", "desync"];

/** Options of clients under test: quick to try again, and quick to give up who does not answer. */
export const HASTY = { handshakeTimeoutMs: 400 };
/** The backoff is the client's own; only its dice are loaded, so that a thousand cuts take minutes. */
export const SOON = 0.05;

let count = 0;

/** A name that is used once. */
export function fresh(label) {
  count += 1;
  return `${label}-${process.pid}-${count}`;
}

/**
 * One user behind a proxy that cuts: `begin(url, user, who)` begins one of its clients. Meanwhile the server pushes numbers to the
 * user. Returns how much went through, and everything that was wrong; that should be nothing.
 *
 * A client is what `startCounting` returns, but everything in it may be a promise. With `disturb` something else
 * happens at times, such as that a page is frozen.
 */
export async function cutAndCheck({ server, control, cuts, seed, clients, begin, online, disturb, user = fresh("user") }) {
  const random = seeded(seed);
  const proxy = await startFlaky(new URL(server).port, random);
  const names = Array.from({ length: clients ?? 1 }, (_, n) => `${user}/${n}`);
  const happened = [];
  const note = (what) => happened.push(`${Date.now()} ${what}`);
  const run = { pushed: 0, cuts: 0, sleeps: 0, reloads: 0, kinds: {} };
  const tabs = [];
  try {
    for (const who of names) tabs.push(await begin(`${proxy.url}${PATH}`, user, who));
    await Promise.all(tabs.map((tab) => tab.ready()));
    await Promise.all(tabs.map((tab) => tab.work()));
    const over = new AbortController();
    const pushing = push(control, user, random, run, over.signal);
    await cutAll({ proxy, cuts, random, run, note, online, disturb });
    over.abort();
    await pushing;
    proxy.calm();
    await Promise.all(tabs.map((tab) => tab.rest()));
    await Promise.all(tabs.map((tab) => tab.ready()));
    await push(control, user, random, run);
    await settled(tabs, run, online, note);
    const problems = [];
    for (const { sleeps = 0, reloads = 0 } of tabs) {
      run.sleeps += sleeps;
      run.reloads += reloads;
    }
    for (const [n, tab] of tabs.entries()) {
      const all = await tab.everything();
      const found = [...all.problems, ...(await judge(control, names[n], tab, all, run.pushed))];
      if (process.env.TRACE) console.log(merged(happened, all.states).join("\n"));
      if (found.length === 0) continue;
      problems.push(`${names[n]}:`, ...found, ...merged(happened, all.states).slice(-60));
    }
    return { ...run, sent: (await Promise.all(tabs.map((tab) => tab.report()))).reduce((sum, { last }) => sum + last, 0), problems };
  } catch (error) {
    const states = (await Promise.all(tabs.map((tab) => tab.everything()))).flatMap(({ states }) => states);
    throw new Error(`${error.message}\n${merged(happened, states).slice(-80).join("\n")}`, { cause: error });
  } finally {
    await Promise.all(tabs.map((tab) => tab.close()));
    await proxy.stop();
  }
}

function merged(...lists) {
  return lists.flat().sort();
}

async function cutAll({ proxy, cuts, random, run, note, online, disturb }) {
  while (run.cuts < cuts) {
    await proxy.busy();
    await later(random() * 160);
    const { name, cuts: hit } = proxy.cut();
    if (hit) run.kinds[name] = (run.kinds[name] ?? 0) + hit;
    run.cuts += hit;
    note(`cut ${run.cuts}: ${name}`);
    await later(random() * 160);
    if (random() < 0.3) await online();
    if (disturb) await disturb(random, note);
  }
}

/** Numbers, one batch after another, until the signal; once without. */
async function push(control, user, random, run, signal) {
  do {
    const from = run.pushed + 1;
    run.pushed += Math.ceil(random() * 5);
    await control.request("count/push", [user, from, run.pushed], { timeoutMs: STUCK_MS });
    if (signal) await later(random() * 40);
  } while (signal && !signal.aborted);
}

/** Until every client has sent everything, and has got everything. */
async function settled(tabs, run, online, note) {
  let [before, since] = ["", Date.now()];
  for (;;) {
    const reports = await Promise.all(tabs.map((tab) => tab.report()));
    if (reports.every(({ underWay, got, status }) => (underWay === 0 && got >= run.pushed) || status === "closed")) return;
    const now = JSON.stringify(reports);
    if (now !== before) [before, since] = [now, Date.now()];
    if (Date.now() - since > STUCK_MS) throw new Error(`nothing goes on, and ${run.pushed} were pushed: ${now}`);
    note(now);
    await online();
    await later(50);
  }
}

/** What is wrong, if anything. */
async function judge(control, who, { clientId, reloads = 0 }, { last, seen }, pushed) {
  const problems = [];
  // A page that was loaded anew begins with what is pushed from then on.
  const first = reloads > 0 ? seen[0] : 1;
  const noted = await control.request("count/noted", who);
  const told = await control.request("count/noted", `gaps of ${clientId}`);
  problems.push(...differences("the server handled", noted, 1, last), ...differences("the client got", seen, first, pushed));
  for (const reason of told) problems.push(`the server's application was told of a gap: ${GAPS[reason]}`);
  return problems;
}

/** How a list differs from `first`, … `last`. */
function differences(what, numbers, first = 1, last = 0) {
  const problems = [];
  let expected = first;
  for (const number of numbers) {
    if (number !== expected) problems.push(`${what} ${number} where ${expected} was next`);
    expected = number + 1;
    if (problems.length > 5) break;
  }
  const count = last - first + 1;
  if (numbers.length !== count) problems.push(`${what} ${numbers.length} of ${count}`);
  return problems;
}

/** Clients in this process. */
export function inNode(connect, WebSocket, transports, random) {
  return (url, user, who) => {
    const options = { ...HASTY, WebSocket, transports, params: { uid: user }, random: () => SOON * random(), clientId: fresh("client") };
    return { ...startCounting(connect, url, options, who, random), clientId: options.clientId };
  };
}

/**
 * Clients in the tabs of a browser, with outboxes that outlive a page. Tabs fall asleep, and wake after something was cut
 * meanwhile; and they are loaded anew, with whatever is under way. `folders` are where what a page imports comes from, by path.
 */
export async function inTabs(context, folders, random) {
  for (const [path, folder] of Object.entries(folders)) {
    const file = (url) => new URL(url.slice(url.indexOf(path) + path.length), folder);
    await context.route((url) => url.pathname.startsWith(path), async (route) =>
      route.fulfill({ contentType: "text/javascript", body: await readFile(file(route.request().url()), "utf8") }));
  }
  const tabs = [];
  const begin = async (url, user, who) => {
    const page = await context.newPage();
    page.on("pageerror", (error) => console.error(`${who}:`, error));
    // Any page of the server: one that was made up here has no address, and is not let to a WebSocket on this machine.
    await page.goto(new URL("/conns", url).href);
    const devtools = await context.newCDPSession(page);
    await devtools.send("Debugger.enable");
    const clientId = fresh("client");
    // Browsers themselves wait before they try a WebSocket again that failed.
    const options = { handshakeTimeoutMs: 1500, params: { uid: user }, clientId };
    const count = () => page.evaluate(startInPage, { url, options, who, seed: Math.floor(random() * 2 ** 31), soon: SOON });
    await count();
    const tab = new Tab(page, devtools, clientId, count);
    tabs.push(tab);
    return tab;
  };
  const online = () => Promise.all(tabs.filter((tab) => !tab.asleep).map((tab) => tab.online()));
  const disturb = async (dice, note) => {
    // One at a time: somebody must be awake to be cut.
    const sleeper = tabs.find(({ asleep }) => asleep);
    const tab = sleeper ?? tabs[Math.floor(dice() * tabs.length)];
    if (dice() < 0.4) return;
    if (!sleeper && dice() < 0.4) {
      note(`${tab.clientId} is loaded anew`);
      return tab.reload();
    }
    await (sleeper ? tab.wake() : tab.sleep());
    note(`${tab.clientId} ${tab.asleep ? "sleeps" : "wakes"}`);
  };
  return { begin, online, disturb };
}

class Tab {
  asleep = false;
  sleeps = 0;
  reloads = 0;
  #page;
  #devtools;
  #count;
  /** What was wrong before it was loaded anew. */
  #before = [];

  constructor(page, devtools, clientId, count) {
    this.#page = page;
    this.#devtools = devtools;
    this.#count = count;
    this.clientId = clientId;
    for (const name of ["ready", "work", "report"]) {
      this[name] = () => page.evaluate((call) => globalThis.counting[call](), name);
    }
  }

  async everything() {
    const all = await this.#page.evaluate(() => globalThis.counting.everything());
    return { ...all, problems: [...this.#before, ...all.problems] };
  }

  online() {
    return this.#page.evaluate(() => void dispatchEvent(new Event("online")));
  }

  /** No script runs and no timer fires in the page from now on, as in a machine that sleeps; its connections stay. */
  async sleep() {
    this.asleep = true;
    const asleep = new Promise((resolve) => this.#devtools.once("Debugger.paused", resolve));
    await this.#devtools.send("Debugger.pause");
    await asleep;
    this.sleeps += 1;
  }

  async wake() {
    if (!this.asleep) return;
    await this.#devtools.send("Debugger.resume");
    this.asleep = false;
  }

  /** In the middle of everything, as soon as the browser has written down what was sent. */
  async reload() {
    await this.#page.evaluate(() => globalThis.counting.rest());
    await this.#page.waitForFunction(() => globalThis.isKept());
    const { problems, seen } = await this.everything();
    this.#before = [...problems, ...differences("the page before got", seen, seen[0], seen.at(-1))];
    // The page comes by the same bad network.
    while (!(await this.#page.reload({ timeout: 1000 }).catch(() => undefined))?.ok());
    this.reloads += 1;
    await this.#count();
    await this.work();
  }

  close() {
    return this.#page.close();
  }

  async rest() {
    await this.wake();
    await this.#page.evaluate(() => globalThis.counting.rest());
  }
}

/** Runs in a page. */
async function startInPage({ url, options, who, seed, soon }) {
  const [{ connect }, { persistent }, { startCounting }, { seeded }] = await Promise.all(
    ["/tsugi/index.js", "/tsugi/outbox.js", "/here/counting.mjs", "/here/seeded.mjs"].map((path) => import(path)),
  );
  const random = seeded(seed);
  const memory = {
    requests: 30,
    get last() {
      return Number(sessionStorage.getItem("last"));
    },
    set last(number) {
      sessionStorage.setItem("last", number);
    },
  };
  const wrong = (problem) => globalThis.counting.problems.push(problem);
  const outbox = persistent({
    user: options.params.uid,
    keep: () => true,
    // A request that the page before sent is answered here, unless that page got the reply and had no time to write it down.
    onRestored: (deliveries) => {
      for (const { id, data, settled } of deliveries)
        settled.then(({ state, reply, error }) => {
          const isRight = state === "handled" ? [undefined, data[1]].includes(reply) : error.code === "reply-lost";
          if (!isRight) wrong(`${id} ${data[1]} of the page before is ${state}: ${reply} ${error}`);
        });
    },
  });
  const timing = { random: () => soon * random() };
  const counting = startCounting(connect, url, { ...options, ...timing, outbox }, who, random, memory);
  globalThis.counting = counting;
  /** Whether the browser has written down all that is under way. */
  globalThis.isKept = async () => {
    const asked = (request) => new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    const database = await asked(indexedDB.open("tsugi-outbox"));
    const items = await asked(database.transaction("items").objectStore("items").getAll());
    database.close();
    const kept = new Set(items.map(({ text }) => JSON.stringify(JSON.parse(text)[0][1])));
    return counting.underWay().every((data) => kept.has(JSON.stringify(data)));
  };
}
