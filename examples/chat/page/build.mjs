// Builds the page into dist/, which is committed and compiled into the chat. The tools are those of ../../../js:
// run `npm ci` there first. `--out DIR` writes elsewhere, to compare.
import { copyFile, mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import path from "node:path";

const here = path.dirname(fileURLToPath(import.meta.url));
const require = createRequire(path.join(here, "../../../js/package.json"));
const esbuild = require("esbuild");

const at = process.argv.indexOf("--out");
const out = at < 0 ? path.join(here, "dist") : path.resolve(process.argv[at + 1]);

await mkdir(out, { recursive: true });
await esbuild.build({
  absWorkingDir: here,
  entryPoints: { chat: "src/main.ts" },
  outdir: out,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  charset: "utf8",
  legalComments: "none",
});
for (const name of ["index.html", "chat.css", "icon.svg"]) await copyFile(path.join(here, name), path.join(out, name));
