/** What carries packets: one WebSocket, or a run of polls and POSTs. */
import type { Codec, Incoming, Message, Slot } from "../codec.js";
import type { Environment, Timer } from "../environment.js";
import type { Loss, Reason } from "../state.js";
import type { Delivery, Transport } from "../types.js";

/** An item of the outbox, ready to go. */
export interface Parcel {
  readonly number: number;
  readonly text: Message;
  readonly wantsReply: boolean;
  readonly delivery: Delivery;
}

/** What a server with the extension says of itself, in its words; the values of a plain Sente server are assumed. */
export interface Terms {
  /** `undefined`: plain Sente, which has no sessions. */
  session: string | undefined;
  "ping-ms": number;
  "ping-timeout-ms": number;
  "poll-ms": number;
  "max-message": number;
  /** After so many items, and so long after the first, the server wants to hear that they arrived. */
  "ack-items": number;
  "ack-ms": number;
}

/** The side of the connection that carriers see. */
export interface Host {
  readonly environment: Environment;
  readonly codec: Codec;
  url(transport: Transport, query: Record<string, string>): string;
  headers(): Record<string, string>;
  /** May close the carrier. @returns whether the server may say this now. */
  understands(carrier: Carrier, packet: Incoming): boolean;
  /** The next item to be sent, if it is no longer than this; of any length by default. */
  take(room?: number): Parcel | undefined;
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
  /** The number of the next item that it brings; 0 where nothing is counted. */
  next = 0;
  /** The server is about to end it, and wants to be left alone for so long. */
  slotMs = 0;
  protected done = false;
  /** `undefined` until the server has taken this carrier. */
  protected terms: Terms | undefined;
  protected readonly host: Host;
  #watchdog: Timer;

  constructor(host: Host) {
    this.host = host;
  }

  abstract start(handshakeTimeoutMs: number): void;
  /** Sends hello, whose answer must come within the time. */
  abstract hello(text: Message, timeoutMs: number): void;
  /** Takes from the outbox what it can send now. */
  abstract pump(): void;
  /** Sends what is no item: at once, or not at all. @returns whether it did. */
  abstract say(text: Message): boolean;
  protected abstract begun(): void;
  protected abstract release(code: number, reason: string): void;

  /** The server has taken this carrier. */
  begin(terms: Terms): void {
    this.terms = terms;
    this.begun();
    this.pump();
  }

  /** Ends it without a word to the host. */
  close(code = 1000, reason = ""): void {
    if (this.done) return;
    this.done = true;
    this.within();
    this.release(code, reason);
  }

  fail(reason: Reason, message?: unknown, code?: number): void {
    this.end({ reason, message: message ? String(message) : undefined, code });
  }

  protected end(loss: Loss, closeCode?: number): void {
    if (this.done) return;
    this.close(closeCode);
    this.host.lost(this, loss);
  }

  /** One timer per carrier: each use replaces the one before. */
  protected within(ms?: number, late?: () => void): void {
    this.host.environment.cancel(this.#watchdog);
    this.#watchdog = late && this.host.environment.after(ms as number, late);
  }

  protected receive(packets: Incoming[]): void {
    for (const packet of packets) {
      // One of them may have closed it.
      if (this.done) return;
      if (!this.host.understands(this, packet)) this.fail("bad-frame");
    }
  }
}
