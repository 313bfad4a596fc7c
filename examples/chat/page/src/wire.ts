/** What goes over the channel, both ways. */

export interface Person {
  id: number;
  name: string;
}

export interface Room {
  id: number;
  name: string;
}

export interface Listed extends Room {
  last: number;
  read: number;
  unread: number;
}

export interface Message {
  id: number;
  room: number;
  by: Person;
  text: string;
  /** In ms since 1970. */
  at: number;
  key: string;
}

/** A message before the server has it. */
export interface Draft {
  room: number;
  text: string;
  key: string;
}

export interface Everybody {
  people: Person[];
  count: number;
}

export interface History {
  /** Oldest first. */
  messages: Message[];
  more: boolean;
}

export interface Mark {
  room: number;
  message: number;
}

export interface Welcome {
  me: Person;
  rooms: Listed[];
  online: Everybody;
  limits: { text: number; name: number; rooms: number };
}

export type ServerEvents = {
  "chat/said": Message;
  "chat/typing": { room: number; by: Person };
  "chat/online": { came: Person } | { went: { id: number } } | { all: Everybody };
  "chat/read": Mark;
  "chat/room-opened": Room;
  "chat/renamed": Person;
};

export type ClientEvents = {
  "chat/enter": { data: null; reply: Welcome };
  "chat/say": { data: Draft; reply: Message };
  "chat/history": { data: { room: number; before?: number; after?: number }; reply: History };
  "chat/rooms": { data: null; reply: Listed[] };
  "chat/open-room": { data: string; reply: Room };
  "chat/typing": number;
  "chat/read": Mark;
  "chat/rename": { data: string; reply: Person };
  "chat/device": { data: null; reply: { code: string; minutes: number } };
};
