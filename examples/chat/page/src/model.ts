/** What the page knows, without a word about how it looks. */
import type { Draft, Everybody, History, Listed, Mark, Message, Person, Room, Welcome } from "./wire.js";

/** A message on its way, or one that did not get there. */
export interface Pending extends Draft {
  /** Why it was not sent; `undefined` while it is on its way. */
  failed?: string;
}

/** A room and what is known of its messages. */
export interface RoomState {
  id: number;
  name: string;
  /** By id, oldest first, without gaps. Empty until the room is opened for the first time. */
  messages: Message[];
  loaded: boolean;
  /** There are earlier ones on the server. */
  more: boolean;
  read: number;
  unread: number;
  /** Who types, and until when that is believed. */
  typing: Map<number, { name: string; until: number }>;
}

/** Messages kept of a room that is not looked at; scrolling up brings the others back. */
const KEPT = 500;

export class Model {
  me: Person = { id: 0, name: "" };
  readonly rooms = new Map<number, RoomState>();
  readonly online = new Map<number, Person>();
  onlineCount = 0;
  pending: Pending[] = [];
  limits = { text: 2000, name: 40, rooms: 100 };
  current = 0;

  enter(welcome: Welcome): void {
    this.me = welcome.me;
    this.limits = welcome.limits;
    for (const listed of welcome.rooms) this.list(listed);
    this.everybody(welcome.online);
  }

  private list(listed: Listed): void {
    const room = this.open(listed);
    room.read = Math.max(room.read, listed.read);
    room.unread = listed.unread;
  }

  open(room: Room): RoomState {
    const known = this.rooms.get(room.id);
    if (known) return known;
    const made: RoomState = {
      ...{ id: room.id, name: room.name, messages: [], loaded: false, more: false, read: 0, unread: 0 },
      typing: new Map(),
    };
    this.rooms.set(room.id, made);
    return made;
  }

  /** Puts messages where they belong; those that are there already stay once. Returns how many were new. */
  add(room: RoomState, messages: readonly Message[]): number {
    const before = room.messages.length;
    const ids = new Set(room.messages.map((message) => message.id));
    const fresh = messages.filter((message) => !ids.has(message.id));
    if (fresh.length) room.messages = [...room.messages, ...fresh].sort((a, b) => a.id - b.id);
    const keys = new Set(messages.filter((message) => message.by.id === this.me.id).map((message) => message.key));
    this.pending = this.pending.filter((pending) => !keys.has(pending.key));
    return room.messages.length - before;
  }

  /** Something was said. Returns the room if it is known. */
  said(message: Message): RoomState | undefined {
    const room = this.rooms.get(message.room);
    if (!room) return undefined;
    const mine = message.by.id === this.me.id;
    room.typing.delete(message.by.id);
    // A room that was never opened loads its messages, this one included, when it is.
    const isNew = room.loaded ? this.add(room, [message]) > 0 : message.id > room.read;
    if (mine) this.pending = this.pending.filter((pending) => pending.key !== message.key);
    if (mine) this.read({ room: room.id, message: message.id });
    else if (isNew && message.id > room.read) room.unread += 1;
    if (room.id !== this.current && room.messages.length > 2 * KEPT) {
      room.messages = room.messages.slice(-KEPT);
      room.more = true;
    }
    return room;
  }

  history(room: RoomState, history: History, direction: "newest" | "before" | "after"): void {
    this.add(room, history.messages);
    if (direction !== "after") room.more = history.more;
    room.loaded = true;
  }

  read({ room: id, message }: Mark): void {
    const room = this.rooms.get(id);
    if (!room || message <= room.read) return;
    room.read = message;
    const after = room.messages.filter((other) => other.id > message && other.by.id !== this.me.id).length;
    room.unread = room.loaded ? after : 0;
  }

  renamed(person: Person): void {
    if (person.id === this.me.id) this.me = person;
    if (this.online.has(person.id)) this.online.set(person.id, person);
    for (const room of this.rooms.values())
      for (const message of room.messages) if (message.by.id === person.id) message.by = person;
  }

  everybody({ people, count }: Everybody): void {
    this.online.clear();
    for (const person of people) this.online.set(person.id, person);
    this.onlineCount = count;
  }

  came(person: Person): void {
    if (!this.online.has(person.id)) this.onlineCount += 1;
    this.online.set(person.id, person);
  }

  went(id: number): void {
    if (this.online.delete(id)) this.onlineCount -= 1;
  }

  unreadElsewhere(): number {
    let sum = 0;
    for (const room of this.rooms.values()) if (room.id !== this.current) sum += room.unread;
    return sum;
  }
}
