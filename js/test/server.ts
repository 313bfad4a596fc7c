/** Just enough of the server's side of docs/wire.md to try a client against real sockets. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

type Packet = [payload: unknown, slot: unknown];

interface Session {
  id: string;
  /** Kept whole: tests are short. */
  sent: Packet[];
  socket?: WebSocket;
  /** The poll that is held, and how many of the packets its client has. */
  poll?: { response: ServerResponse; given: number };
}

export interface Behaviour {
  /** What an upgrade gets: served, refused, or accepted and left without a word. */
  upgrades: "serve" | "refuse" | "mute";
  /** The status of every poll and POST, when it is not 200. */
  httpStatus?: number;
  httpHeaders: Record<string, string>;
  pollMs: number;
  sente: boolean;
}

export class ScriptedServer {
  readonly behaviour: Behaviour = { upgrades: "serve", httpHeaders: {}, pollMs: 2000, sente: false };
  readonly requests: IncomingMessage[] = [];
  readonly received: unknown[] = [];
  readonly sessions = new Map<string, Session>();
  private readonly http: Server;
  private readonly upgrader = new WebSocketServer({ noServer: true });
  private counter = 0;

  private constructor() {
    this.http = createServer((request, response) => void this.serve(request, response));
    this.http.on("upgrade", (request, socket, head) => {
      this.requests.push(request);
      if (this.behaviour.upgrades === "refuse") return socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      this.upgrader.handleUpgrade(request, socket, head, (webSocket) => this.upgraded(webSocket));
    });
  }

  static async start(port = 0): Promise<ScriptedServer> {
    const server = new ScriptedServer();
    await new Promise<void>((listening) => server.http.listen(port, "127.0.0.1", listening));
    return server;
  }

  get port(): number {
    return (this.http.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/chsk`;
  }

  get upgrades(): number {
    return this.requests.filter(({ headers }) => headers.upgrade).length;
  }

  async stop(): Promise<void> {
    for (const socket of this.upgrader.clients) socket.terminate();
    this.http.closeAllConnections();
    await new Promise((closed) => this.http.close(closed));
  }

  /** A batch to every session. */
  push(...events: unknown[]): void {
    for (const session of this.sessions.values()) this.queue(session, [events, null]);
  }

  closeSockets(code: number, reason: string): void {
    for (const socket of this.upgrader.clients) socket.close(code, reason);
  }

  sendRaw(text: string | Uint8Array): void {
    for (const socket of this.upgrader.clients) socket.send(text);
  }

  private queue(session: Session, packet: Packet): void {
    session.sent.push(packet);
    if (session.socket) return session.socket.send(JSON.stringify(packet));
    this.answerPoll(session);
  }

  private answerPoll(session: Session, even: "with something" | "empty" = "with something"): void {
    const { poll } = session;
    const again = poll ? session.sent.slice(poll.given) : [];
    if (!poll || (again.length === 0 && even !== "empty")) return;
    session.poll = undefined;
    const from = [["chsk/from", countOf(session.sent.slice(0, poll.given)) + 1], null];
    const packets = again.length > 0 ? [from, ...again] : [[[], null]];
    poll.response.end(packets.map((packet) => JSON.stringify(packet)).join("\n"));
  }

  private upgraded(socket: WebSocket): void {
    if (this.behaviour.upgrades === "mute") return;
    socket.send(JSON.stringify([this.handshake(), null]));
    let session: Session | undefined;
    socket.on("message", (data) => {
      const [payload, slot] = JSON.parse(String(data)) as [[string, unknown], unknown];
      if (payload[0] === "chsk/hello") {
        const welcomed = this.hello(payload[1] as Hello);
        session = welcomed.session;
        session.socket = socket;
        socket.send(JSON.stringify(welcomed.packet));
        this.answerPoll(session, "empty");
        for (const packet of session.sent.slice(welcomed.given)) socket.send(JSON.stringify(packet));
      } else if (session) this.handle(session, payload, slot);
    });
    socket.on("close", () => {
      if (session?.socket === socket) session.socket = undefined;
    });
  }

  private handshake(): unknown {
    const extension = {
      tsugi: 1,
      "max-message": 1000,
      "ping-ms": 25000,
      "ping-timeout-ms": 500,
      "poll-ms": 2000,
    };
    return ["chsk/handshake", [null, null, { hello: "world" }, ...(this.behaviour.sente ? [] : [extension])]];
  }

  private hello({ session: named = "", received }: Hello): {
    session: Session;
    given: number;
    packet: Packet;
  } {
    const known = this.sessions.get(named);
    this.counter += 1;
    const session = known ?? { id: `s${this.counter}`, sent: [] };
    this.sessions.set(session.id, session);
    const outcome = known ? "resumed" : "new";
    const given = known ? packetsWith(session, received) : 0;
    const next = countOf(session.sent.slice(0, given)) + 1;
    return { session, given, packet: [["chsk/welcome", { session: session.id, outcome, next }], null] };
  }

  private handle(session: Session, [id, data]: [string, unknown], slot: unknown): void {
    this.received.push(id === "chsk/ws-ping" || id === "chsk/ws-pong" ? id : [id, data]);
    if (slot === null) return;
    if (id === "chsk/ws-ping") this.queue(session, ["pong", slot]);
    if (id === "test/echo") this.queue(session, [{ echo: data }, slot]);
    if (id === "test/fail")
      this.queue(session, [["chsk/error", { code: "denied", message: "no", data: 7 }], slot]);
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.push(request);
    const { httpStatus, httpHeaders } = this.behaviour;
    if (httpStatus !== undefined) return void response.writeHead(httpStatus, httpHeaders).end("told so");
    const body = await read(request);
    const session = this.sessions.get(String(request.headers["tsugi-session"]));
    if (request.headers["tsugi-session"] && !session) return void response.writeHead(409).end();
    if (request.method === "POST") return void response.end(this.posted(session, body));
    if (!session || request.url?.includes("handshake%3F")) {
      return void response.end(JSON.stringify([this.handshake(), null]));
    }
    this.answerPoll(session, "empty");
    const ack = Number(new URL(request.url ?? "", this.url).searchParams.get("ack"));
    const poll = { response, given: packetsWith(session, ack) };
    session.poll = poll;
    setTimeout(
      () => session.poll === poll && this.answerPoll(session, "empty"),
      this.behaviour.pollMs,
    ).unref();
    this.answerPoll(session);
  }

  private posted(session: Session | undefined, body: string): string {
    for (const line of body.split("\n")) {
      const [payload, slot] = JSON.parse(line) as [[string, unknown], unknown];
      if (!session) return JSON.stringify(this.hello(payload[1] as Hello).packet);
      this.handle(session, payload, slot);
    }
    return JSON.stringify(["chsk/dummy-cb-200", null]);
  }
}

interface Hello {
  session?: string;
  received: number;
}

/** Items in packets: events, and replies. */
function countOf(packets: readonly Packet[]): number {
  const count = ([payload, slot]: Packet) => (slot === null ? (payload as unknown[]).length : 1);
  return packets.reduce((sum, packet) => sum + count(packet), 0);
}

/** How many packets of a session hold the first so many items. */
function packetsWith({ sent }: Session, items: number): number {
  let packets = 0;
  while (packets < sent.length && countOf(sent.slice(0, packets + 1)) <= items) packets += 1;
  return packets;
}

async function read(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
}
