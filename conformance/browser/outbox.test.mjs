// What outlives a page: the built client with `tsugi/outbox`, in a real browser, against the real server.
// Needs `cargo build -p interop` and Chromium.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { start, startBrowser } from "./stage.mjs";

const dist = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../js/dist");

/** Connects as `uid`, with an outbox of `user`. */
const PAGE = `<!doctype html><script type="module">
import { connect } from "/index.js";
import { persistent } from "/outbox.js";
const { user, uid, poll, early = [], limits, codec } = JSON.parse(new URLSearchParams(location.search).get("asked"));
globalThis.reported = [];
addEventListener("error", (event) => { reported.push(String(event.error?.message)); event.preventDefault(); });
globalThis.restored = [];
globalThis.client = connect("/chsk-open", {
  params: { uid },
  transports: poll ? ["poll"] : ["ws", "poll"],
  codec: codec && (await import(\`/\${codec}.js\`))[codec](),
  outbox: persistent({
    user,
    keep: (id) => !id.startsWith("test/unkept"),
    onRestored: (deliveries) => restored.push(...deliveries),
    ...limits,
  }),
});
globalThis.sent = early.map((data) => client.send("test/note", data));
</script>`;

let browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser?.close());

/** Has the page and its scripts itself, so that they are there while the server is not, and asks the server for the rest. */
async function servePages(port) {
  const pages = http.createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://page");
    if (pathname === "/") return response.setHeader("content-type", "text/html").end(PAGE);
    const script = await readFile(path.join(dist, path.basename(pathname))).catch(() => undefined);
    if (script) return response.setHeader("content-type", "text/javascript").end(script);
    const { method, headers, url } = request;
    const asked = http.request({ port, host: "127.0.0.1", method, headers, path: url }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    asked.on("error", () => response.destroy());
    response.on("close", () => asked.destroy());
    request.pipe(asked);
  });
  pages.on("upgrade", ({ url, rawHeaders }, client) => {
    const server = net.connect(port, "127.0.0.1");
    const lines = rawHeaders.flatMap((name, n) => (n % 2 ? [] : [`${name}: ${rawHeaders[n + 1]}`]));
    server.write([`GET ${url} HTTP/1.1`, ...lines, "", ""].join("\r\n"));
    client.pipe(server).pipe(client);
    for (const [one, other] of [[client, server], [server, client]]) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  pages.listen(0, "127.0.0.1");
  await once(pages, "listening");
  return pages;
}

/** A server that can be stopped and started again, and the pages of one browser profile. */
async function withServer(play) {
  let running = await start("interop", ["--port", "0"], /(http:\S+)/);
  const base = running.found;
  const { port } = new URL(base);
  const pages = await servePages(port);
  const context = await browser.newContext();
  const heard = [];
  const stage = {
    origin: `http://127.0.0.1:${pages.address().port}`,
    stop: () => running.stop(),
    freeze: () => running.signal("SIGSTOP"),
    kill: () => running.kill(),
    start: async () => {
      running = await start("interop", ["--port", port], /(http:\S+)/);
    },
    /** Events of the application that the server handled, in order, as EDN and the user. */
    handled: async () => {
      const log = await (await fetch(`${base}/log`)).text();
      for (const [, what, uid] of log.matchAll(/ event \[:test\/(\S+ .*)\] uid (\S+) client /g)) heard.push(`${what} ${uid}`);
      return heard;
    },
    until: async (...wanted) => {
      const end = Date.now() + 20_000;
      while ((await stage.handled()).length < wanted.length && Date.now() < end) await pause(50);
      await pause(200);
      assert.deepEqual(await stage.handled(), wanted);
    },
    open: async (asked) => {
      const page = await context.newPage();
      await stage.go(page, asked);
      return page;
    },
    go: async (page, asked) => {
      await page.goto(`${stage.origin}/?asked=${encodeURIComponent(JSON.stringify(asked))}`);
      await page.waitForFunction(() => globalThis.sent !== undefined);
    },
    context,
  };
  try {
    await play(stage);
  } finally {
    await context.close();
    pages.closeAllConnections();
    pages.close();
    await running.stop();
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const send = (page, ...data) =>
  page.evaluate((all) => {
    for (const one of all) sent.push(client.send("test/note", one));
  }, data);
const opens = (page) => page.waitForFunction(() => client.state.status === "open", undefined, { timeout: 30_000 });
const drained = (page) => page.waitForFunction(() => client.outbox.length === 0, undefined, { timeout: 30_000 });
const outbox = (page) => page.evaluate(() => client.outbox.map(({ id, data, state }) => [id, data, state]));
/** Until the store has what was sent: this page could be gone now. */
const kept = (page, count) =>
  page.waitForFunction(
    (wanted) =>
      new Promise((resolve) => {
        const request = indexedDB.open("tsugi-outbox");
        request.onsuccess = () => {
          const all = request.result.transaction("items").objectStore("items").getAll();
          all.onsuccess = () => {
            request.result.close();
            resolve(all.result.length === wanted);
          };
        };
      }),
    count,
  );

const ANN = { user: "ann", uid: "ann" };

test("W6: what was said with the server down is sent after a reload, once and in order, and the new page can show it", () =>
  withServer(async (stage) => {
    const page = await stage.open(ANN);
    await opens(page);
    await stage.stop();
    await page.waitForFunction(() => client.state.status !== "open");
    await send(page, 1, 2, { three: 3 });
    await kept(page, 3);
    await page.reload();
    await page.waitForFunction(() => globalThis.restored?.length === 3);
    const waiting = [1, 2, { three: 3 }].map((data) => ["test/note", data, "waiting"]);
    assert.deepEqual(await outbox(page), waiting);
    await send(page, 4);
    await stage.start();
    await drained(page);
    await stage.until('note 1 "ann"', 'note 2 "ann"', 'note {"three" 3} "ann"', 'note 4 "ann"');
    assert.deepEqual(await page.evaluate(() => Promise.all(restored.map(async ({ settled }) => (await settled).state))), ["handled", "handled", "handled"]);
    await kept(page, 0);
    await page.reload();
    await opens(page);
    await pause(300);
    assert.equal((await stage.handled()).length, 4);
    assert.deepEqual(await page.evaluate(() => reported), []);
  }));

for (const poll of [false, true])
  test(`a page that goes away in mid-send, again and again, loses nothing that was kept and doubles nothing${poll ? ", by polls" : ""}`, () =>
    withServer(async (stage) => {
      const page = await stage.open({ ...ANN, poll });
      const wanted = [];
      for (let round = 0; round < 12; round++) {
        const texts = Array.from({ length: 5 }, (_, n) => round * 10 + n);
        wanted.push(...texts.map((n) => `note ${n} "ann"`));
        if (round % 3 === 0) await opens(page);
        // Gone as soon as the store has them, wherever they are on their way.
        await page.evaluate(async (all) => {
          for (const one of all) client.send("test/note", one);
          while (client.outbox.at(-1)?.state === "waiting" && client.state.status === "open") await new Promise((resolve) => setTimeout(resolve));
        }, texts);
        if (round % 3 !== 0) await page.waitForTimeout(30);
        await page.reload();
        await page.waitForFunction(() => globalThis.sent !== undefined);
      }
      await drained(page);
      await stage.until(...wanted);
    }));

test("a page that was closed at once has sent what it said, or another page does, never both", () =>
  withServer(async (stage) => {
    const other = await stage.open(ANN);
    await opens(other);
    for (let n = 0; n < 6; n++) {
      const page = await stage.open(ANN);
      await opens(page);
      await send(page, n);
      await page.close();
    }
    const end = Date.now() + 40_000;
    while ((await stage.handled()).length < 6 && Date.now() < end) await pause(200);
    await pause(500);
    const all = await stage.handled();
    assert.deepEqual([...all].sort(), [0, 1, 2, 3, 4, 5].map((n) => `note ${n} "ann"`));
  }));

test("W10: two tabs each send their own, and nothing twice", () =>
  withServer(async (stage) => {
    const [one, two] = [await stage.open(ANN), await stage.open(ANN)];
    for (const page of [one, two]) await opens(page);
    await stage.stop();
    for (const page of [one, two]) await page.waitForFunction(() => client.state.status !== "open");
    await send(one, 1, 2, 3);
    await send(two, 11, 12, 13);
    await kept(one, 6);
    await one.reload();
    await two.reload();
    for (const [page, first] of [[one, 1], [two, 11]]) {
      await page.waitForFunction(() => globalThis.restored?.length === 3);
      assert.equal((await outbox(page))[0][1], first, "each tab has its own again");
    }
    await stage.start();
    for (const page of [one, two]) await drained(page);
    const all = await stage.handled();
    assert.equal(all.length, 6);
    for (const tab of [[1, 2, 3], [11, 12, 13]]) {
      const own = tab.map((n) => `note ${n} "ann"`);
      assert.deepEqual(all.filter((line) => own.includes(line)), own);
    }
  }));

test("what a closed tab left is sent by one that is there, in its name", () =>
  withServer(async (stage) => {
    const [one, two, three] = [await stage.open(ANN), await stage.open(ANN), await stage.open(ANN)];
    for (const page of [one, two, three]) await opens(page);
    await stage.stop();
    await send(one, 1, 2);
    await kept(one, 2);
    await one.close();
    await stage.start();
    await stage.until('note 1 "ann"', 'note 2 "ann"');
    const restored = [await two.evaluate(() => globalThis.restored.length), await three.evaluate(() => globalThis.restored.length)];
    assert.deepEqual(restored.sort(), [0, 2]);
    await kept(two, 0);
    await send(two, 3);
    await stage.until('note 1 "ann"', 'note 2 "ann"', 'note 3 "ann"');
  }));

test("W10: what ann said is not said as bob, and is there when ann is back", () =>
  withServer(async (stage) => {
    const page = await stage.open(ANN);
    await opens(page);
    await stage.stop();
    await send(page, "of ann");
    await kept(page, 1);
    await stage.start();
    await stage.go(page, { uid: "bob", user: "bob" });
    await opens(page);
    await send(page, "of bob");
    await drained(page);
    // A page that only believes that it is ann's.
    await stage.go(page, { uid: "bob", user: "ann", early: ["early"] });
    await opens(page);
    const early = await page.evaluate(async () => (await sent[0].settled).error.code);
    assert.equal(early, "other-user");
    await send(page, "late");
    await drained(page);
    await stage.until('note "of bob" "bob"', 'note "late" "bob"');
    await stage.go(page, ANN);
    await opens(page);
    await drained(page);
    const all = await stage.handled();
    assert.ok(all.includes('note "of ann" "ann"'), `${all}`);
  }));

test("a page that does not know whose it is keeps what it says once the server has told it", () =>
  withServer(async (stage) => {
    const page = await stage.open({ uid: "ann", early: [1] });
    await opens(page);
    await stage.until('note 1 "ann"');
    await stage.stop();
    await send(page, 2);
    await kept(page, 1);
    await stage.start();
    await stage.go(page, { uid: "ann" });
    await stage.until('note 1 "ann"', 'note 2 "ann"');
  }));

test("a request that is kept is answered on the page that follows, and one that is not is forgotten", () =>
  withServer(async (stage) => {
    const page = await stage.open(ANN);
    await opens(page);
    await stage.stop();
    await page.evaluate(() => {
      client.request("test/echo", [1, "two"]).catch(() => {});
      client.request("test/unkept", 3).catch(() => {});
    });
    await kept(page, 1);
    await page.reload();
    await page.waitForFunction(() => globalThis.restored?.length === 1);
    await stage.start();
    const reply = await page.evaluate(async () => (await restored[0].settled).reply);
    assert.deepEqual(reply, { echo: [1, "two"] });
    await stage.until('echo [1 "two"] "ann"');
  }));

/** From now on the page takes nothing out of its store: as if it went away before the browser had written that down. */
const forgetful = (page) => page.evaluate(() => void (IDBObjectStore.prototype.delete = () => {}));

test("a kept request whose reply the page before got, and had no time to write down, ends as lost and not with its time", () =>
  withServer(async (stage) => {
    const page = await stage.open({ ...ANN, poll: true });
    await opens(page);
    await forgetful(page);
    assert.equal(await page.evaluate(() => client.request("test/reply2", 7)), "first");
    // The poll that brings this has told the server what the one before brought.
    await page.evaluate(() => client.request("test/unkept-too", 8).catch(() => {}));
    await page.reload();
    await page.waitForFunction(() => globalThis.restored?.length === 1);
    const ended = await page.evaluate(async () => {
      const { id, data, state, error } = await restored[0].settled;
      return [id, data, state, error.code];
    });
    assert.deepEqual(ended, ["test/reply2", 7, "failed", "reply-lost"]);
    assert.deepEqual(await stage.handled(), ['reply2 7 "ann"', 'unkept-too 8 "ann"']);
  }));

test("a tab that was loaded anew more often than the one that was closed takes over from it, and its own session goes on", () =>
  withServer(async (stage) => {
    const [one, two] = [await stage.open(ANN), await stage.open(ANN)];
    for (let times = 0; times < 3; times++) {
      await opens(two);
      await two.reload();
    }
    await opens(one);
    await opens(two);
    await forgetful(one);
    await send(one, 1);
    await stage.until('note 1 "ann"');
    await two.evaluate(() => {
      globalThis.opened = [];
      client.onState(({ status, resumed }) => status === "open" && opened.push(resumed));
    });
    await one.close();
    await two.waitForFunction(() => globalThis.restored.length === 1, undefined, { timeout: 30_000 });
    await drained(two);
    assert.equal(await two.evaluate(async () => (await restored[0].settled).state), "handled");
    assert.deepEqual(await two.evaluate(() => opened), [true]);
    await stage.until('note 1 "ann"');
  }));

test("a deadline goes on while there is no page, and what it ended is told and not sent", () =>
  withServer(async (stage) => {
    const page = await stage.open({ ...ANN, limits: { timeoutMs: 1500 } });
    await opens(page);
    await stage.stop();
    await send(page, "too old");
    await page.evaluate(() => client.send("test/note", "young", { timeoutMs: 100_000 }));
    await kept(page, 2);
    await page.goto("about:blank");
    await pause(1600);
    await stage.go(page, ANN);
    await page.waitForFunction(() => globalThis.restored?.length === 2);
    const [old] = await page.evaluate(() => restored.map(({ data, state, error }) => ({ data, state, code: error?.code })));
    assert.deepEqual(old, { data: "too old", state: "failed", code: "timeout" });
    await stage.start();
    await stage.until('note "young" "ann"');
    await kept(page, 0);
  }));

test("what waits can be taken back after a reload, what was sent cannot", () =>
  withServer(async (stage) => {
    const page = await stage.open(ANN);
    await opens(page);
    // Frozen, the server takes it and does not say so.
    await stage.freeze();
    await send(page, "sent");
    await page.waitForFunction(() => sent[0].state === "sent");
    await stage.kill();
    await page.waitForFunction(() => client.state.status !== "open");
    await send(page, "waiting");
    await kept(page, 2);
    await page.reload();
    await page.waitForFunction(() => globalThis.restored?.length === 2);
    assert.deepEqual(await page.evaluate(() => restored.map(({ state }) => state)), ["sent", "waiting"]);
    assert.deepEqual(await page.evaluate(() => restored.map((delivery) => delivery.cancel())), [false, true]);
    await kept(page, 1);
    await stage.start();
    await stage.until('note "sent" "ann"');
  }));

test("W9: is bounded in items and bytes, and says so at the call", () =>
  withServer(async (stage) => {
    const page = await stage.open({ ...ANN, limits: { maxItems: 3, maxBytes: 100_000 } });
    await opens(page);
    await stage.stop();
    const codes = await page.evaluate(() =>
      ["x".repeat(20_000), "y".repeat(40_000), 1, 2, 3].map((data) => {
        try {
          client.send("test/note", data);
          return "kept";
        } catch (error) {
          return error.code;
        }
      }),
    );
    assert.deepEqual(codes, ["kept", "queue-full", "kept", "kept", "queue-full"]);
    await kept(page, 3);
  }));

test("W9: what is damaged or foreign in the store is discarded, told once, and the rest is sent", () =>
  withServer(async (stage) => {
    const page = await stage.open(ANN);
    await opens(page);
    await stage.stop();
    await send(page, "good", "bad", "worse");
    await kept(page, 3);
    await page.evaluate(
      () =>
        new Promise((resolve) => {
          const request = indexedDB.open("tsugi-outbox");
          request.onsuccess = () => {
            const transaction = request.result.transaction(["items", "outboxes"], "readwrite");
            const [items, outboxes] = [transaction.objectStore("items"), transaction.objectStore("outboxes")];
            const all = items.getAll();
            all.onsuccess = () => {
              items.put({ ...all.result[1], text: "{nonsense" });
              items.put({ ...all.result[2], text: 5 });
              items.put({ ...all.result[0], n: "seven" });
            };
            const headings = outboxes.getAll();
            headings.onsuccess = () => outboxes.put({ name: "../../etc", scope: headings.result[0].scope, reserved: -1, at: 5e12 });
            transaction.oncomplete = () => resolve(request.result.close());
          };
        }),
    );
    await page.reload();
    await page.waitForFunction(() => globalThis.restored?.length === 1);
    await stage.start();
    await opens(page);
    await send(page, "next");
    await stage.until('note "good" "ann"', 'note "next" "ann"');
    await kept(page, 0);
    assert.ok((await page.evaluate(() => reported)).length > 0);
    await page.reload();
    await opens(page);
    assert.deepEqual(await page.evaluate(() => reported), []);
  }));

test("W9: a database of that name that is somebody else's gives way", () =>
  withServer(async (stage) => {
    const page = await stage.context.newPage();
    // A place of the same origin where nothing connects.
    await page.goto(`${stage.origin}/edn.js`);
    await page.evaluate(
      () =>
        new Promise((resolve) => {
          const request = indexedDB.open("tsugi-outbox", 1);
          request.onupgradeneeded = () => request.result.createObjectStore("garbage");
          request.onsuccess = () => resolve(request.result.close());
        }),
    );
    await stage.go(page, ANN);
    await opens(page);
    await stage.stop();
    await send(page, 1);
    await kept(page, 1);
    assert.deepEqual(await page.evaluate(() => reported), ["tsugi: discarded the stored outboxes"]);
    await page.reload();
    await stage.start();
    await stage.until('note 1 "ann"');
  }));

for (const [what, script] of Object.entries({
  "no Web Locks": () => Object.defineProperty(Navigator.prototype, "locks", { value: undefined }),
  "no IndexedDB": () => Object.defineProperty(globalThis, "indexedDB", { value: undefined }),
  "an IndexedDB that never answers": () => {
    IDBFactory.prototype.open = () => ({});
  },
  "a closed sessionStorage": () =>
    Object.defineProperty(globalThis, "sessionStorage", {
      get() {
        throw new Error("closed");
      },
    }),
}))
  test(`with ${what} everything works, and it is told once what does not last`, () =>
    withServer(async (stage) => {
      await stage.context.addInitScript(script);
      const page = await stage.open({ ...ANN, early: [1] });
      await opens(page);
      await send(page, 2, 3);
      await drained(page);
      await stage.until('note 1 "ann"', 'note 2 "ann"', 'note 3 "ann"');
      const reported = await page.evaluate(() => globalThis.reported);
      assert.deepEqual(reported, what.includes("session") ? [] : ["tsugi: the outbox is kept in memory only"]);
    }));

test("a store that is emptied or full while the page is open takes nothing with it", () =>
  withServer(async (stage) => {
    const page = await stage.open(ANN);
    await opens(page);
    await page.evaluate(() => {
      globalThis.put = IDBObjectStore.prototype.put;
      IDBObjectStore.prototype.put = () => {
        throw new DOMException("full", "QuotaExceededError");
      };
    });
    await send(page, 1);
    const code = await page.evaluate(async () => (await sent[0].settled).error.code);
    assert.equal(code, "queue-full");
    await page.evaluate(() => {
      IDBObjectStore.prototype.put = globalThis.put;
    });
    await send(page, 2);
    await stage.until('note 2 "ann"');
    await page.evaluate(
      () =>
        new Promise((resolve) => {
          indexedDB.deleteDatabase("tsugi-outbox").onsuccess = resolve;
        }),
    );
    await send(page, 3, 4);
    await stage.until('note 2 "ann"', 'note 3 "ann"', 'note 4 "ann"');
    assert.deepEqual(await page.evaluate(() => reported), ["tsugi: the outbox is kept in memory only from now on"]);
  }));

test("after close() and after the last word of a server what is kept stays for the next page", () =>
  withServer(async (stage) => {
    const page = await stage.open(ANN);
    await opens(page);
    await stage.stop();
    await send(page, 1);
    await kept(page, 1);
    const code = await page.evaluate(async () => {
      client.close();
      return (await sent[0].settled).error.code;
    });
    assert.equal(code, "closed");
    await kept(page, 1);
    await stage.start();
    const other = await stage.open(ANN);
    await stage.until('note 1 "ann"');
    await kept(other, 0);
  }));

for (const codec of ["edn", "transit", "msgpack"])
  for (const poll of [false, true])
    test(`a page speaks ${codec} ${poll ? "by polls" : "over a WebSocket"}, and what it says in it outlives it`, () =>
      withServer(async (stage) => {
        const page = await stage.open({ ...ANN, codec, poll });
        await opens(page);
        const replies = await page.evaluate(async () => {
          const bytes = new Uint8Array([0, 255]);
          const object = { text: "ü 😀", list: [1, -1.5, null] };
          const values = [object, 2n ** 60n, bytes, new Date(5), ...Array(50).keys()];
          const replies = await Promise.all(values.map((value) => client.request("test/echo", value)));
          const [same, big, back, date, ...numbers] = replies.map(({ echo }) => echo);
          return [same, String(big), back instanceof Uint8Array && String(back), date.getTime(), numbers];
        });
        const numbers = [...Array(50).keys()];
        assert.deepEqual(replies, [{ text: "ü 😀", list: [1, -1.5, null] }, String(2n ** 60n), "0,255", 5, numbers]);
        await stage.handled();
        await stage.stop();
        await page.waitForFunction(() => client.state.status !== "open");
        await send(page, "one", { two: [2] });
        await kept(page, 2);
        await page.reload();
        await page.waitForFunction(() => globalThis.restored?.length === 2);
        assert.deepEqual(await outbox(page), [["test/note", "one", "waiting"], ["test/note", { two: [2] }, "waiting"]]);
        await stage.start();
        await drained(page);
        assert.deepEqual((await stage.handled()).slice(-2), ['note "one" "ann"', 'note {:two [2]} "ann"']);
        assert.deepEqual(await page.evaluate(() => reported), []);
      }));
