/** One WebSocket. */
import type { Message } from "../codec.js";
import type { Timer } from "../environment.js";
import type { WebSocketConstructor, WebSocketLike } from "../types.js";
import { Carrier, type Terms } from "./carrier.js";

/** Slots of requests begin at 1. */
const PING_SLOT = 0;
const NO_PONG = 3001;
/** A socket that holds more bytes than this is given no more, until it has got rid of some. */
const MAX_BUFFERED = 1024 * 1024;
const PACE_MS = 50;

export class WebSocketCarrier extends Carrier {
  override readonly transport = "ws";
  #socket: WebSocketLike | undefined;
  #heardAt = 0;
  #pacer: Timer;
  /** A ping waits for its answer. */
  #asked = false;

  override start(handshakeTimeoutMs: number): void {
    this.#expect(handshakeTimeoutMs);
    // There is one: without it this transport is not on the path.
    const WebSocket = this.host.environment.WebSocket as WebSocketConstructor;
    try {
      this.#listen(new WebSocket(this.host.url("ws", {})));
    } catch (error) {
      this.#failSoon(error);
    }
  }

  override hello(text: Message, timeoutMs: number): void {
    this.#expect(timeoutMs);
    this.#write(text);
  }

  #expect(timeoutMs: number): void {
    this.within(timeoutMs, () => this.fail("timeout", `no ${this.phase} in time`));
  }

  protected override begun(): void {
    this.#heardAt = this.host.environment.now();
    this.#watch();
  }

  override pump(): void {
    const { environment } = this.host;
    environment.cancel(this.#pacer);
    while (!this.done && !this.#isFull()) {
      const parcel = this.host.take();
      if (!parcel) return;
      this.#write(parcel.text);
    }
    if (!this.done) this.#pacer = environment.after(PACE_MS, () => this.pump());
  }

  override say(text: Message): boolean {
    const can = !this.#isFull();
    if (can) this.#write(text);
    return can;
  }

  #isFull(): boolean {
    return (this.#socket?.bufferedAmount ?? 0) > MAX_BUFFERED;
  }

  /** Asks whether anyone is there, without waiting for silence. */
  probe(): void {
    const { terms } = this;
    // Asked again, a dead connection would get more time.
    if (!terms || this.done || this.#asked) return;
    this.#asked = true;
    const slot = this.terms?.session === undefined ? "000000" : PING_SLOT;
    this.within(terms["ping-timeout-ms"], () => {
      if (!this.#asked) this.#watch();
      else this.end({ reason: "timeout", code: NO_PONG, message: "no answer to a ping" }, NO_PONG);
    });
    // Last: where writing fails, that is known sooner.
    this.#write(this.host.codec.encode({ id: "chsk/ws-ping", data: undefined, slot }));
  }

  // The handlers stay when the carrier is done: the `ws` package throws errors that nobody listens to.
  #listen(socket: WebSocketLike): void {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event: { data: string | ArrayBuffer }) => this.#message(event.data);
    socket.onerror = () => {};
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
      this.fail(code === 1006 ? "network" : "server", reason, code);
    };
  }

  #message(data: string | ArrayBuffer): void {
    this.#heardAt = this.host.environment.now();
    this.#asked = false;
    try {
      this.receive(this.host.codec.decode(data));
    } catch (error) {
      this.fail("bad-frame", error);
    }
  }

  /** Waits until nothing was heard for so long, then pings. */
  #watch(): void {
    const { "ping-ms": pingMs } = this.terms as Terms;
    const leftMs = this.#heardAt + pingMs - this.host.environment.now();
    if (leftMs > 0) this.within(leftMs, () => this.#watch());
    else this.probe();
  }

  #write(text: Message): void {
    if (this.done) return;
    try {
      this.#socket?.send(text);
    } catch (error) {
      this.#failSoon(error);
    }
  }

  /** Nobody expects a loss while they write. */
  #failSoon(error: unknown): void {
    this.within(0, () => this.fail("network", error));
  }

  protected override release(code: number, reason: string): void {
    this.host.environment.cancel(this.#pacer);
    try {
      this.#socket?.close(code, reason);
    } catch {
      this.#socket?.close();
    }
  }
}
