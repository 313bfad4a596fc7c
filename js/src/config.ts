/** Options with their defaults, checked once. */

import { json } from "./codec/json.js";
import type { Codec } from "./codec.js";
import type { Environment } from "./environment.js";
import { Outbox } from "./outbox.js";
import type { State } from "./state.js";
import type { Terms } from "./transport/carrier.js";
import type { Options, Transport } from "./types.js";
import { resolveUrl, webSocketUrl, withQuery } from "./url.js";

/** The side of the connection that an outbox sees. */
export interface Sender {
  readonly environment: Environment;
  readonly codec: Codec;
  readonly state: State;
  url(transport: Transport, query: Record<string, string>): string;
  /** There may be something to send. */
  flush(): void;
  /** Says hello anew. */
  reconnect(): void;
}

/** Makes the outbox of the user that a server named; at first none has. */
export type OutboxMaker = (sender: Sender, user?: string | null) => Outbox;

export interface Config {
  codec: Codec;
  transports: readonly Transport[];
  requestTimeoutMs: number;
  sendTimeoutMs: number;
  refuses: boolean;
  handshakeTimeoutMs: number;
  maxQueue: number;
  headers: Record<string, string>;
  clientId: string;
  /** What is assumed of a server that says nothing of itself. */
  senteTerms: Terms;
  outbox: OutboxMaker;
  csrfToken(): string | undefined | Promise<string | undefined>;
  url(transport: Transport, query: Record<string, string>, token: string | undefined): string;
}

/** Half of Sente's 20 s, as its own client does; it holds polls for up to a minute. */
const SENTE: Terms = {
  session: undefined,
  "ping-ms": 10_000,
  "ping-timeout-ms": 5000,
  "poll-ms": 50_000,
  "ack-items": 64,
  "ack-ms": 5000,
  "max-message": Number.POSITIVE_INFINITY,
};

/** @throws TypeError when the URL cannot be understood or completed. */
export function configure(url: string, options: Options, environment: Environment): Config {
  const { codec = json(), clientId = randomId(), wire = "tsugi", csrfToken, params } = options;
  const http = resolveUrl(url, options, environment.page);
  const ws = webSocketUrl(http);
  const asking = wire === "tsugi" ? { tsugi: "1", codec: codec.name } : undefined;
  return {
    codec,
    clientId,
    transports: options.transports ?? ["ws", "poll"],
    requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
    sendTimeoutMs: options.sendTimeoutMs ?? 300_000,
    refuses: options.whileDown === "refuse",
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? 3000,
    maxQueue: options.maxQueue ?? 1000,
    headers: options.headers ?? {},
    senteTerms: SENTE,
    outbox: (options.outbox as OutboxMaker | undefined) ?? inMemory,
    csrfToken: typeof csrfToken === "function" ? csrfToken : () => csrfToken,
    url: (transport, query, token) => {
      // Only plain Sente needs it here, where logs see it; Tsugi gets it in hello.
      const csrf =
        transport === "ws" && wire === "sente" && token !== undefined ? { "csrf-token": token } : undefined;
      const all = { ...params, "client-id": clientId, ...asking, ...csrf, ...query };
      return withQuery(transport === "ws" ? ws : http, all);
    },
  };
}

function inMemory({ environment }: Sender): Outbox {
  return new Outbox(randomId(), environment);
}

/** 128 random bits. `crypto.randomUUID` exists on secure pages only. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
