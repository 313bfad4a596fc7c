/** The way in. */
import { configure } from "./config.js";
import { Connection } from "./connection.js";
import { browserOrNode, type Environment } from "./environment.js";
import { ConnectError } from "./errors.js";
import { ANY, Events, GAP, STATE } from "./events.js";
import type { Client, Options } from "./types.js";

/** The events of an application that has not declared any. */
export type AnyEvents = Record<string, unknown>;

/**
 * Connects, and stays connected until `close()`. `url` is the server's, or a path on the page's; the protocol is
 * HTTP and WebSocket in turn, whichever the URL names.
 * @throws TypeError when the URL cannot be understood, or completed by a page.
 */
export function connect<S extends object = AnyEvents, C extends object = AnyEvents>(
  url: string = "/chsk",
  options: Options = {},
): Client<S, C> {
  return connectIn(browserOrNode(options), url, options);
}

/** The same in a world of the caller's: tests bring their own clock and network. */
export function connectIn<S extends object = AnyEvents, C extends object = AnyEvents>(
  environment: Environment,
  url: string,
  options: Options,
): Client<S, C> {
  const events = new Events((error) => environment.report(error));
  const config = configure(url, options, environment);
  const connection = new Connection(config, environment, events);
  return {
    get state() {
      return connection.state;
    },
    clientId: config.clientId,
    on: (id, handler) => events.on(id, handler),
    onAny: (handler) => events.on(ANY, handler),
    onState: (handler) => events.on(STATE, handler),
    onGap: (handler) => events.on(GAP, handler),
    get outbox() {
      return connection.outbox;
    },
    send: (id, data?: unknown, sendOptions = {}) => connection.send(id, data, sendOptions),
    request: (id, data, requestOptions = {}) =>
      connection.request(id, data, requestOptions) as ReturnType<Client<S, C>["request"]> as Promise<never>,
    ready: () => ready(connection, events),
    reconnect: () => connection.reconnect(),
    close: (code = 1000, reason = "") => connection.close(code, reason),
  };
}

function ready(connection: Connection, events: Events): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const { state } = connection;
      if (state.status === "open") resolve();
      else if (state.status === "closed") reject(new ConnectError(state));
      else return;
      off();
    };
    const off = events.on(STATE, look);
    look();
  });
}
