import { defineConfig } from "tsdown";

const shared = { platform: "neutral", target: "es2022", clean: false, report: false } as const;

export default defineConfig([
  {
    ...shared,
    entry: {
      index: "src/index.ts",
      edn: "src/edn.ts",
      transit: "src/transit.ts",
      msgpack: "src/msgpack.ts",
      outbox: "src/persistent.ts",
    },
    format: "esm",
    dts: true,
    clean: true,
  },
  {
    ...shared,
    entry: { "tsugi.min": "src/index.ts" },
    format: "iife",
    globalName: "tsugi",
    minify: true,
    dts: false,
    outputOptions: { entryFileNames: "[name].js" },
  },
]);
