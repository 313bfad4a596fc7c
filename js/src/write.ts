/** What may be sent, and how it is written. */
import type { Codec, Message, Outgoing } from "./codec.js";
import { SendError, type SendErrorCode } from "./errors.js";

export function refuse(id: string, code: SendErrorCode, why: unknown): never {
  throw new SendError(code, `${id}: ${why}`);
}

/** @throws SendError when no server would read it, or this one accepts nothing so large. */
export function write(codec: Codec, packet: Outgoing, maxBytes: number): Message {
  const { id } = packet;
  if (!/^(?!chsk\/)[^/]+\/.+/.test(id)) refuse(id, "bad-event", 'not "namespace/name", or reserved');
  let text: Message = "";
  try {
    text = codec.encode(packet);
  } catch (error) {
    refuse(id, "bad-event", error);
  }
  if (!fits(text, maxBytes)) refuse(id, "too-large", `the server accepts ${maxBytes} bytes`);
  return text;
}

/** Whether the server accepts it: characters are up to three bytes each. */
export function fits(text: Message, maxBytes: number): boolean {
  return text.length * 3 <= maxBytes || new Blob([text]).size <= maxBytes;
}
