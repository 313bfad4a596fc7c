// The real server, built by `cargo build -p interop`.
import { spawn } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const target = process.env.CARGO_TARGET_DIR ?? path.join(root, "target");
const program = path.join(target, process.env.TSUGI_PROFILE ?? "debug", "interop");

/** Starts the server; `url` is where it is. */
export async function startServer(...options) {
  const child = spawn(program, ["--port", "0", ...options], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const url = await new Promise((resolve, reject) => {
    let printed = "";
    child.once("error", (error) => reject(new Error("cargo build -p interop first", { cause: error })));
    child.stdout.setEncoding("utf8").on("data", (text) => {
      printed += text;
      const found = /listening on (http:\S+)\s/.exec(printed);
      if (found) resolve(found[1]);
    });
  });
  return {
    url,
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
