// The real sockjs-client in Chromium, each transport forced, from the server's own origin and from another.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { opener, scenarios } from "./scenarios.mjs";
import { startServer } from "./stage.mjs";

const script = await readFile(createRequire(import.meta.url).resolve("sockjs-client/dist/sockjs.min.js"), "utf8");

/** Of what a browser has today, all but XDomainRequest, for which the page below has a stand-in. */
const TRANSPORTS = [
  "websocket",
  "xhr-streaming",
  "xdr-streaming",
  "eventsource",
  "iframe-eventsource",
  "htmlfile",
  "iframe-htmlfile",
  "xhr-polling",
  "xdr-polling",
  "iframe-xhr-polling",
  "jsonp-polling",
];
/** It reads the frame that it opens, which a page of another origin may not. */
const SAME_ORIGIN_ONLY = ["htmlfile"];

/** Internet Explorer 8 and 9 had it: a request across origins that carries no cookies and tells of its progress. */
function standInForXDomainRequest() {
  window.XDomainRequest = class {
    #request = new XMLHttpRequest();
    get responseText() {
      return this.#request.responseText;
    }
    open(method, url) {
      this.#request.open(method, url);
      this.#request.onprogress = () => this.onprogress?.();
      this.#request.onload = () => (this.#request.status < 400 ? this.onload?.() : this.onerror?.());
      this.#request.onerror = () => this.onerror?.();
    }
    send(body) {
      this.#request.send(body);
    }
    abort() {
      this.#request.abort();
    }
  };
}

const source = (functions) => `{${Object.entries(functions).map(([name, play]) => `${JSON.stringify(name)}: {${play}}`)}}`;
// Methods are written `async "name"(…) {…}`, so that an object around them is a scenario's own table.
const prepared = `
  const tables = ${source(Object.fromEntries(Object.entries(scenarios)))};
  window.play = async (name, base, transport) => {
    const open = (${opener})(SockJS, base, transport);
    await tables[name][name]({ open, transport });
  };`;

let browser;
/** Another port is another origin. */
let other;
before(async () => {
  const pages = createServer((_, response) => response.setHeader("Content-Type", "text/html").end("<!doctype html>"));
  await new Promise((listening) => pages.listen(0, "127.0.0.1", listening));
  other = { url: `http://127.0.0.1:${pages.address().port}`, stop: () => pages.close() };
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
  });
});
after(async () => {
  await browser?.close();
  other?.stop();
});

/**
 * A page of this origin that has the client, in a browser of its own: the pages of one share a few connections. It comes
 * from a real server: to the browser, a page that a test makes up is of another network, which may not ask this one.
 */
async function pageOf(url) {
  const context = await browser.newContext();
  // What the iframe page names by default.
  const client = (route) => route.fulfill({ contentType: "text/javascript", body: script });
  await context.route("https://cdn.jsdelivr.net/**", client);
  const page = await context.newPage();
  await page.goto(url);
  await page.evaluate(standInForXDomainRequest);
  await page.addScriptTag({ content: script });
  await page.addScriptTag({ content: prepared });
  return page;
}

for (const profile of ["current", "0.3.3"]) {
  describe(`${profile} bytes`, { concurrency: 4 }, () => {
    let server;
    before(async () => {
      server = await startServer("--sockjs-profile", profile);
    });
    after(() => server?.stop());

    for (const from of ["the same origin", "another origin"]) {
      for (const transport of TRANSPORTS) {
        if (from === "another origin" && SAME_ORIGIN_ONLY.includes(transport)) continue;
        test(`${transport} from ${from}`, { timeout: 120_000 }, async (t) => {
          const page = await pageOf(from === "another origin" ? other.url : `${server.url}/echo`);
          for (const name of Object.keys(scenarios)) {
            await t.test(name, () =>
              page.evaluate(([name, base, transport]) => window.play(name, base, transport), [
                name,
                server.url,
                transport,
              ]),
            );
          }
          await page.context().close();
        });
      }
    }
  });
}

/** What the client tries on a page from a file, whose origin is `null`. */
const FROM_A_FILE = ["websocket", "eventsource", "iframe-eventsource", "iframe-htmlfile", "jsonp-polling"];

describe("a page from a file, current bytes", { concurrency: 4 }, () => {
  let server;
  let folder;
  before(async () => {
    server = await startServer();
    folder = await mkdtemp(path.join(os.tmpdir(), "tsugi-page-"));
    await writeFile(path.join(folder, "page.html"), "<!doctype html>");
  });
  after(async () => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  for (const transport of FROM_A_FILE) {
    test(transport, { timeout: 120_000 }, async () => {
      const page = await pageOf(pathToFileURL(path.join(folder, "page.html")).href);
      assert.equal(await page.evaluate(() => window.origin), "null");
      for (const name of Object.keys(scenarios).filter((name) => !name.includes("round trips"))) {
        await page.evaluate((how) => window.play(...how), [name, server.url, transport]);
      }
      await page.context().close();
    });
  }
});

test("a page of a foreign origin gets nowhere where origins are not open", async () => {
  const server = await startServer();
  const page = await pageOf(other.url);
  const ended = await page.evaluate(
    (url) => new Promise((end) => (new SockJS(url).onclose = ({ code }) => end(code))),
    `${server.url}/nocors`,
  );
  assert.equal(ended, 1002);
  await page.context().close();
  await server.stop();
});
