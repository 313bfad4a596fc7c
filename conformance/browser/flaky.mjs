// A proxy that does to connections what networks do.
import { once } from "node:events";
import net from "node:net";

const UPGRADE = /^upgrade: *websocket/im;
const REFUSAL = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/** What goes one way through a connection: held back, swallowed, or cut in the middle of a chunk. */
class Lane {
  #held;
  #ended = false;
  #swallows = false;
  #halved;

  constructor(from, to) {
    this.to = to;
    from.on("data", (bytes) => this.#take(bytes));
    from.on("end", () => this.#end());
    from.on("close", () => this.#end());
  }

  hold() {
    this.#held ??= [];
  }

  /** Late, and in order; even if whoever said it has gone meanwhile. */
  release() {
    for (const bytes of this.#held?.splice(0) ?? []) this.to.write(bytes);
    this.#held = undefined;
    if (this.#ended) this.to.end();
  }

  swallow() {
    this.#swallows = true;
  }

  /** Of the next chunk only so much arrives. */
  halve(then) {
    this.#halved = then;
  }

  #take(bytes) {
    if (this.#swallows) return;
    if (!this.#halved) return this.#pass(bytes);
    this.#pass(bytes.subarray(0, Math.ceil(bytes.length / 2)));
    this.#swallows = true;
    this.#halved();
  }

  /** Never before what is held back: whatever else goes wrong, no network brings bytes out of order. */
  #pass(bytes) {
    if (this.#held) this.#held.push(bytes);
    else if (this.to.writable) this.to.write(bytes);
  }

  #end() {
    this.#ended = true;
    if (!this.#held && !this.#swallows) this.to.end();
  }
}

/** Ends a connection without a goodbye. Node 20 never exits once a socket was reset whose end it had already said. */
function reset(socket) {
  if (socket.writableEnded || socket.connecting || socket.destroyed) socket.destroy();
  else socket.resetAndDestroy();
}

/** One connection through the proxy. */
class Link {
  constructor(client, upstream) {
    this.client = client;
    this.upstream = upstream;
    this.isWebSocket = false;
    this.down = new Lane(upstream, client);
  }

  /** Both ends learn of it now. */
  reset() {
    reset(this.client);
    reset(this.upstream);
  }

  end() {
    this.client.end();
    this.upstream.end();
  }
}

/**
 * Starts a proxy to `port` of this machine, which misbehaves when it is told to. `cut()` does one random thing to the
 * connections there are, says which, and whether anything was cut by it.
 */
export async function startFlaky(port, random) {
  const links = new Set();
  const timers = new Set();
  let upgrades = "pass";
  let stopped = false;
  let waiting = () => {};
  const later = (ms, then) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      then();
    }, ms);
    timers.add(timer);
  };
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    // One that was accepted while the proxy stopped would keep it open for ever.
    if (stopped) return client.destroy();
    const upstream = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const link = new Link(client, upstream);
    links.add(link);
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => {
        if (client.destroyed && upstream.destroyed) links.delete(link);
      });
    }
    // What a connection is for is in its first bytes.
    client.once("data", (head) => {
      link.isWebSocket = UPGRADE.test(head.toString("latin1"));
      if (link.isWebSocket && upgrades === "refuse") {
        upstream.destroy();
        return client.end(REFUSAL);
      }
      if (link.isWebSocket && upgrades === "silent") {
        upstream.destroy();
        client.on("end", () => client.end());
        return client.resume();
      }
      upstream.write(head);
      link.up = new Lane(client, upstream);
      waiting();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const pick = (all) => all[Math.floor(random() * all.length)];
  const ms = () => 20 + Math.floor(random() * 580);
  const whole = () => [...links].filter((link) => link.up && !link.client.destroyed);
  /** All connections, or one. */
  const some = () => (random() < 0.5 ? whole() : [pick(whole())]);
  const webSockets = () => whole().filter((link) => link.isWebSocket);
  const refuse = (how) => {
    upgrades = how;
    for (const link of webSockets()) link.reset();
    later(3 * ms(), () => {
      upgrades = "pass";
    });
  };
  const mute = (link, lanes) => {
    for (const lane of lanes) lane.swallow();
    later(ms(), () => link.reset());
  };
  /** Each is given one connection. */
  const each = {
    reset: (link) => link.reset(),
    end: (link) => link.end(),
    // The server goes on as if nothing had happened, for a while.
    "half-open": (link) => {
      link.up.swallow();
      link.down.swallow();
      reset(link.client);
      later(ms(), () => reset(link.upstream));
    },
    "server gone": (link) => {
      link.up.swallow();
      link.down.swallow();
      reset(link.upstream);
      later(ms(), () => reset(link.client));
    },
    mute: (link) => mute(link, [link.up, link.down]),
    "lost answer": (link) => mute(link, [link.down]),
    "lost request": (link) => mute(link, [link.up]),
    half: (link) => {
      pick([link.up, link.down]).halve(() => link.reset());
      // Where nothing is said, there is nothing to halve.
      later(300, () => link.reset());
    },
    delay: (link) => {
      const lanes = pick([[link.up], [link.down], [link.up, link.down]]);
      for (const lane of lanes) lane.hold();
      later(ms() + ms(), () => lanes.map((lane) => lane.release()));
    },
  };
  const names = [...Object.keys(each), "refuse", "silent"];
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Resolves when there is a connection that could be cut. */
    async busy() {
      while (whole().length === 0) await new Promise((resolve) => { waiting = resolve; });
    },
    cut(name = pick(names)) {
      const hit = name in each ? some() : webSockets();
      if (hit.length === 0 || hit[0] === undefined) return { name, cuts: 0 };
      if (name in each) for (const link of hit) each[name](link);
      else refuse(name);
      return { name, cuts: name === "delay" ? 0 : 1 };
    },
    /** From now on nothing happens any more. What is on its way still arrives. */
    calm() {
      upgrades = "pass";
    },
    async stop() {
      stopped = true;
      for (const timer of timers) clearTimeout(timer);
      const closed = once(server, "close");
      server.close();
      for (const { client, upstream } of links) {
        client.destroy();
        upstream.destroy();
      }
      await closed;
    },
  };
}
