// Shortens the names of what no user of the package ever sees, in the built files: they are a third of the core's names.
// A name may stand here when it is no part of the public types, of options, of the wire, of the platform, or of what is stored.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";

const INTERNAL = [
  // environment.ts
  ["environment", "after", "watch", "hidden", "report", "page"],
  // config.ts, write.ts
  ["senteTerms", "refuses", "flush"],
  // transport/
  [
    "acknowledge",
    "refused",
    "receive",
    "understands",
    "slotMs",
    "lost",
    "hello",
    "begin",
    "begun",
    "pump",
    "say",
  ],
  ["release", "probe", "cede", "resume", "within", "phase", "done", "wantsReply", "delivery"],
  // path.ts
  ["verdict", "allows", "webSocketDiedYoung", "pollFailed", "climbAfter", "climbFailed"],
  // events.ts, ledger.ts, outbox.ts, handshake.ts
  ["fail", "end", "start", "settle", "number", "first", "forget", "tell", "batch", "enter", "skipTo"],
  ["rewind", "take", "last", "attempts", "failAll", "whenOpen", "keepsFor", "due", "front", "terms"],
].flat();

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
/** The linter wants the long one. */
const SHORTER = { "Number.POSITIVE_INFINITY": "Infinity" };
/** What stands for each name, the same in every file: chunks use each other's. */
let mangleCache = {};
const mangleProps = new RegExp(`^(${INTERNAL.join("|")})$`);

for (const name of (await readdir(dist)).sort()) {
  const text = await readFile(dist + name, "utf8");
  if (name.endsWith(".d.ts")) {
    const code = text.replace(/\/\*[\s\S]*?\*\//g, "");
    const leaked = INTERNAL.filter((internal) => new RegExp(`\\b${internal}\\b\\s*[?(:]`).test(code));
    if (leaked.length > 0) throw new Error(`${name}: public, so not to be shortened: ${leaked.join(", ")}`);
  } else if (name.endsWith(".js")) {
    const minify = name.endsWith(".min.js");
    const built = await transform(text, { mangleProps, mangleCache, minify, define: SHORTER });
    mangleCache = built.mangleCache ?? {};
    await writeFile(dist + name, built.code);
  }
}
