/** What carries packets: one WebSocket, or a run of polls and POSTs. */
import type { Codec, Incoming, Slot } from "../codec.js";
import type { Environment, Timer } from "../environment.js";
import type { Loss, Reason } from "../state.js";
import type { Transport } from "../types.js";

/** A packet ready to go. */
export interface Parcel {
  text: string;
  /** The request that waits for its reply. */
  slot: Slot;
}

/** What a server with the extension says of itself; the values of a plain Sente server are assumed. */
export interface Terms {
  /** `undefined`: plain Sente, which has no sessions. */
  session: string | undefined;
  pingMs: number;
  pingTimeoutMs: number;
  pollMs: number;
  maxMessage: number;
  /** After so many items, and so long after the first, the server wants to hear that they arrived. */
  ackItems: number;
  ackMs: number;
}

/** The side of the connection that carriers see. */
export interface Host {
  readonly environment: Environment;
  readonly codec: Codec;
  url(transport: Transport, query: Record<string, string>): string;
  headers(): Record<string, string>;
  /** May close the carrier. */
  receive(carrier: Carrier, packets: Incoming[]): void;
  settle(slot: Slot, reply: unknown): void;
  /** How many items have arrived; whoever asks tells the server. */
  acknowledge(): number;
  /** The server did not take these. */
  refused(parcels: Parcel[], httpStatus: number): void;
  /** Called once, and never after `close`. */
  lost(carrier: Carrier, loss: Loss): void;
}

export abstract class Carrier {
  abstract readonly transport: Transport;
  /** What the server has yet to say. */
  phase: "handshake" | "welcome" | "open" = "handshake";
  /** The number of the next item that it brings; `undefined` where nothing is counted. */
  next: number | undefined;
  protected done = false;
  protected readonly host: Host;
  #watchdog: Timer;

  constructor(host: Host) {
    this.host = host;
  }

  abstract start(handshakeTimeoutMs: number): void;
  /** Sends hello, whose answer must come within the time. */
  abstract hello(text: string, timeoutMs: number): void;
  /** The server has taken this carrier. */
  abstract begin(terms: Terms): void;
  abstract send(parcel: Parcel): void;
  /** Takes back what has certainly not reached the server. */
  abstract drain(): Parcel[];
  /** What waits to leave is bounded by this, in packets; infinite when the bound is reached in another way. */
  abstract waiting(): number;
  protected abstract release(code: number, reason: string): void;

  /** Ends it without a word to the host. */
  close(code = 1000, reason = ""): void {
    if (this.done) return;
    this.done = true;
    this.within(undefined);
    this.release(code, reason);
  }

  fail(reason: Reason, message?: unknown, code?: number): void {
    this.end({ reason, message: message === undefined ? message : String(message), code });
  }

  protected end(loss: Loss, closeCode?: number): void {
    if (this.done) return;
    this.close(closeCode);
    this.host.lost(this, loss);
  }

  /** One timer per carrier: each use replaces the one before. */
  protected within(ms: number | undefined, late?: () => void): void {
    this.host.environment.cancel(this.#watchdog);
    this.#watchdog = ms === undefined || !late ? undefined : this.host.environment.after(ms, late);
  }

  /** @returns `undefined` after a failure. */
  protected decode(text: string): Incoming[] | undefined {
    try {
      return this.host.codec.decode(text);
    } catch (error) {
      this.fail("bad-frame", error);
      return undefined;
    }
  }
}
