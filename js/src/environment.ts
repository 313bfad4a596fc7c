/** What the client asks of the world, in one object, so that a test can be the world. */
import type { Fetch, Options, WebSocketConstructor } from "./types.js";

export type Timer = unknown;

export interface Environment {
  now(): number;
  /** Calls back once after `ms`. */
  after(ms: number, callback: () => void): Timer;
  cancel(timer: Timer): void;
  /** 0 … 1. */
  random(): number;
  fetch: Fetch;
  WebSocket: WebSocketConstructor | undefined;
  /** The address of the page, when there is one. */
  page: string | undefined;
  /** The page cannot be seen. */
  hidden(): boolean;
  /** The browser says that there is no network. */
  offline(): boolean;
  /** Calls `changed` when either of these two may have changed. Returns how to stop it. */
  watch(changed: (what: "online" | "offline" | "visible") => void): () => void;
  /** An application's handler threw: told to whoever looks after such errors, and no more. */
  report(error: unknown): void;
}

export function browserOrNode(options: Options): Environment {
  const { document, navigator, location } = globalThis as Partial<typeof globalThis>;
  return {
    now: () => Date.now(),
    after: (ms, callback) => setTimeout(callback, ms),
    cancel: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
    random: options.random ?? Math.random,
    fetch: options.fetch ?? ((url, init) => fetch(url, { credentials: options.credentials, ...init })),
    WebSocket: options.WebSocket ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket,
    page: location?.href,
    hidden: () => document?.visibilityState === "hidden",
    offline: () => navigator?.onLine === false,
    watch,
    report,
  };
}

function watch(changed: (what: "online" | "offline" | "visible") => void): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  const { document, addEventListener } = globalThis as Partial<typeof globalThis>;
  for (const what of ["online", "offline"] as const)
    addEventListener?.(what, () => changed(what), { signal });
  const seen = () => document?.visibilityState === "visible" && changed("visible");
  document?.addEventListener("visibilitychange", seen, { signal });
  return () => stop.abort();
}

function report(error: unknown): void {
  (globalThis.reportError ?? console.error)(error);
}
