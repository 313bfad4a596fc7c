/** The real world, but for an `online` event that the test sends: Node has none. */
import { connectIn } from "../src/connect.js";
import { browserOrNode } from "../src/environment.js";
import type { Client, Options } from "../src/index.js";

type Events = Record<string, unknown>;

export function connectWithOnline(
  url: string,
  options: Options,
): { client: Client<Events, Events>; online(): void } {
  let tell: (what: "online") => void = () => {};
  const watch = (changed: (what: "online") => void) => {
    tell = changed;
    return () => {};
  };
  const client = connectIn<Events, Events>({ ...browserOrNode(options), watch }, url, options);
  return { client, online: () => tell("online") };
}
