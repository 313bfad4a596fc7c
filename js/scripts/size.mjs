// The core with JSON, bundled from the built package, minified and gzipped, as a page would load it.

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const LIMIT = 7.5 * 1024;
const entry = (name) => fileURLToPath(new URL(`../dist/${name}.js`, import.meta.url));

async function size(contents) {
  const stdin = { contents, resolveDir: fileURLToPath(new URL("..", import.meta.url)) };
  const { outputFiles } = await build({
    stdin,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

const core = await size(`export { connect, json } from ${JSON.stringify(entry("index"))}`);
const besides = [];
for (const codec of ["edn", "transit", "msgpack"]) {
  besides.push(`${codec} ${await size(`export { ${codec} } from ${JSON.stringify(entry(codec))}`)}`);
}
const outbox = await size(
  `export { connect, json } from ${JSON.stringify(entry("index"))}; export { persistent } from ${JSON.stringify(entry("outbox"))}`,
);
console.log(`core with JSON: ${core} bytes min+gzip (limit ${LIMIT}); codecs besides: ${besides.join(", ")}`);
console.log(`the persistent outbox besides: ${outbox - core}`);
if (core > LIMIT) process.exit(1);
