// Nothing lost, nothing twice, over a thousand cuts: the TypeScript client in Node and in Chromium against the real server, over a
// proxy that does what networks do. The test command runs a part; `CUTS=1000` is the whole, `SEED=…` another walk.
// Needs `cargo build -p interop` and Chromium.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";
import { cutAndCheck, fresh, inNode, inTabs } from "./cuts.mjs";
import { seeded } from "./seeded.mjs";
import { start, startBrowser } from "./stage.mjs";

const js = new URL("../../js/", import.meta.url);
const { WebSocket } = createRequire(new URL("package.json", js))("ws");
const { connect } = await import(new URL("dist/index.js", js));

const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const CUTS = Number(process.env.CUTS ?? 360);
/** Of six cuts one is in the browser. */
const IN_BROWSER = Math.floor(CUTS / 6);
console.log(`SEED=${SEED} CUTS=${CUTS}`);

// The browser's events of the network, for Node, which has none.
const network = new EventTarget();
globalThis.addEventListener = network.addEventListener.bind(network);
const online = () => network.dispatchEvent(new Event("online"));

let interop;
let control;
before(async () => {
  interop = await start("interop", ["--port", "0"], /listening on (http:\S+)\s/);
  control = connect(`${interop.found}/chsk-cuts`, { WebSocket, params: { uid: fresh("control") } });
  await control.ready();
});
after(async () => {
  control?.close();
  await interop?.stop();
});

function say(name, { cuts, kinds, sent, pushed, problems }) {
  const kindly = Object.entries(kinds).map(([kind, count]) => `${kind} ${count}`);
  console.log(`${name}: ${cuts} cuts (${kindly.join(", ")}), ${sent} sent, ${pushed} pushed, ${problems.length} problems`);
  assert.deepEqual(problems, [], `SEED=${SEED} CUTS=${CUTS}`);
}

/** Most walk freely between the transports. */
const WAYS = [["ws", "poll"], ["ws", "poll"], ["ws", "poll"], ["ws", "poll"], ["ws"], ["poll"]];

// At the same time: most of it is waiting.
describe("however connections are cut, everything arrives once and in order", { concurrency: true }, () => {
  it("in Node", inThisProcess);
  it("in two tabs of Chromium that sleep and wake and are loaded anew", inChromium);
});

async function inThisProcess() {
  const cuts = Math.ceil((CUTS - IN_BROWSER) / WAYS.length);
  const walks = WAYS.map(async (transports, n) => {
    const seed = SEED + n;
    const begin = inNode(connect, WebSocket, transports, seeded(~seed));
    return [transports, await cutAndCheck({ server: interop.found, control, cuts, seed, begin, online })];
  });
  for (const [transports, result] of await Promise.all(walks)) say(`Node, ${transports.join(" and ")}`, result);
}

async function inChromium() {
  const browser = await startBrowser();
  try {
    const seed = SEED + WAYS.length;
    const folders = { "/tsugi/": new URL("dist/", js), "/here/": new URL(".", import.meta.url) };
    const stage = await inTabs(await browser.newContext(), folders, seeded(~seed));
    const result = await cutAndCheck({ server: interop.found, control, cuts: IN_BROWSER, seed, clients: 2, ...stage });
    say(`Chromium, asleep ${result.sleeps} times, loaded anew ${result.reloads} times`, result);
    assert.ok((result.sleeps > 0 && result.reloads > 0) || IN_BROWSER < 30, "no page ever slept, or none was loaded anew");
  } finally {
    await browser.close();
  }
}
