/** The messages of one room. */
import { byId, element, face } from "./dom.js";
import type { State } from "../../../../js/src/index.js";
import type { Model, Pending, RoomState } from "./model.js";
import type { Message } from "./wire.js";

const scroll = byId("scroll", HTMLElement);
const list = byId("messages", HTMLElement);
const newer = byId("newer", HTMLButtonElement);
const typing = byId("typing", HTMLElement);
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

/** Messages of one person within this time stand under one name. */
const GROUP_MS = 5 * 60_000;

export interface Actions {
  retry(pending: Pending): void;
  discard(pending: Pending): void;
}

/** Whether the last message is in sight, more or less. */
export function atEnd(): boolean {
  return scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
}

export function toEnd(): void {
  scroll.scrollTop = scroll.scrollHeight;
  newer.hidden = true;
}

/** Where the view goes after messages were added. */
export type Keep = "end" | "place";

export function showMessages(
  model: Model,
  room: RoomState,
  divider: number,
  keep: Keep,
  actions: Actions,
  status: State["status"],
): void {
  const wasAtEnd = atEnd();
  const fromEnd = scroll.scrollHeight - scroll.scrollTop;
  const progress = status === "open" ? "sending…" : "will be sent when there is a connection";
  arrange(rows(model, room, divider, actions, progress));
  if (keep === "end" || wasAtEnd) toEnd();
  // Earlier messages came in above: what was in sight stays there.
  else scroll.scrollTop = scroll.scrollHeight - fromEnd;
}

/** A new message below what is in sight. */
export function hintNewer(): void {
  newer.hidden = atEnd();
}

/** The view stays where it is while something is appended below. */
export function appended(show: () => void): void {
  const top = scroll.scrollTop;
  const wasAtEnd = atEnd();
  show();
  if (!wasAtEnd) scroll.scrollTop = top;
}

/** What is shown, by what it shows. */
let shown = new Map<string, HTMLElement>();

/** A row is made anew only when it looks different from before. */
interface Row {
  key: string;
  make: () => HTMLElement;
}

/** Touches only what changed: a screen reader reads what is new, and a selection stays. */
function arrange(wanted: readonly Row[]): void {
  const next = new Map(wanted.map(({ key, make }) => [key, shown.get(key) ?? make()]));
  for (const [key, row] of shown) if (!next.has(key)) row.remove();
  let place = list.firstElementChild;
  for (const row of next.values()) {
    if (row === place) place = place.nextElementSibling;
    else list.insertBefore(row, place);
  }
  shown = next;
}

function rows(model: Model, room: RoomState, divider: number, actions: Actions, progress: string): Row[] {
  const pending = model.pending.filter((one) => one.room === room.id);
  const at = `room ${room.id}`;
  const unsent = pending.map((one) => {
    const state = one.failed === undefined ? progress : `Not sent: ${one.failed}`;
    return { key: `${one.key} ${state}`, make: () => waiting(model, one, state, actions) };
  });
  if (!room.loaded) return [{ key: `${at} loading`, make: () => element("p", "empty", "loading…") }, ...unsent];
  if (!room.messages.length && !pending.length) return [{ key: `${at} empty`, make: () => nothingYet(room) }];
  const made: Row[] = [];
  if (!room.more) {
    made.push({ key: `${at} beginning`, make: () => element("p", "beginning", `The beginning of ${room.name}`) });
  }
  let before: Message | undefined;
  let divided = divider === 0;
  for (const message of room.messages) {
    const sameDay = before !== undefined && sameDate(before.at, message.at);
    const day = dayName(message.at);
    if (!sameDay) made.push({ key: `${at} ${day}`, make: () => separator("day", day) });
    const divides = !divided && message.id > divider && message.by.id !== model.me.id;
    if (divides) made.push({ key: `${at} new`, make: () => separator("new", "New") });
    divided ||= divides;
    const near = before?.by.id === message.by.id && message.at - before.at < GROUP_MS;
    const place = sameDay && !divides && near ? "continues" : "begins";
    made.push({ key: `${message.id} ${place} ${message.by.name}`, make: () => said(model, message, place) });
    before = message;
  }
  return [...made, ...unsent];
}

function nothingYet(room: RoomState): HTMLElement {
  const words = element("p", "", `Nobody has said anything in ${room.name} yet.`);
  return element("div", "empty", element("span", "empty-mark", "#"), words, element("p", "hint", "Be the first."));
}

function separator(kind: "day" | "new", words: string): HTMLElement {
  const made = element("div", `separator ${kind}`, element("span", "", words));
  made.setAttribute("role", "separator");
  return made;
}

function said(model: Model, message: Message, place: "begins" | "continues"): HTMLElement {
  const mine = message.by.id === model.me.id ? " mine" : "";
  const clock = element("time", "", time.format(message.at));
  clock.dateTime = new Date(message.at).toISOString();
  const body = element("div", "bubble", ...linked(message.text));
  const made = element("article", `message ${place}${mine}`);
  made.dataset.id = String(message.id);
  if (place === "begins") {
    made.append(face(message.by), element("div", "head", element("b", "", message.by.name), clock), body);
  } else {
    made.append(element("span", "gutter", clock), body);
  }
  return made;
}

/** Text, with addresses as links. */
function linked(text: string): (Node | string)[] {
  return text.split(/(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]])/g).map((part, index) => {
    if (index % 2 === 0) return part;
    const link = element("a", "", part);
    link.href = part;
    link.rel = "noopener noreferrer";
    link.target = "_blank";
    return link;
  });
}

function waiting(model: Model, pending: Pending, state: string, actions: Actions): HTMLElement {
  const status = element("span", "sent-state", state);
  const made = element("article", `message begins mine ${pending.failed ? "failed" : "pending"}`);
  const head = element("div", "head", element("b", "", model.me.name), status);
  made.append(face(model.me), head, element("div", "bubble", pending.text));
  if (pending.failed !== undefined) {
    const retry = element("button", "link", "Try again");
    retry.addEventListener("click", () => actions.retry(pending));
    const discard = element("button", "link", "Discard");
    discard.addEventListener("click", () => actions.discard(pending));
    made.append(element("div", "mend", retry, discard));
  }
  return made;
}

function sameDate(a: number, b: number): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString();
}

function dayName(at: number): string {
  const now = Date.now();
  if (sameDate(at, now)) return "Today";
  if (sameDate(at, now - 86_400_000)) return "Yesterday";
  return day.format(at);
}

export function showTyping(room: RoomState | undefined): void {
  const now = Date.now();
  const names: string[] = [];
  for (const [id, { name, until }] of room?.typing ?? []) {
    if (until > now) names.push(name);
    else room?.typing.delete(id);
  }
  const words = typingWords(names);
  if (typing.textContent !== words) typing.textContent = words;
  typing.classList.toggle("shown", words !== "");
}

function typingWords(names: readonly string[]): string {
  const [a, b] = names;
  if (a === undefined) return "";
  if (b === undefined) return `${a} is typing…`;
  if (names.length === 2) return `${a} and ${b} are typing…`;
  return `${names.length} people are typing…`;
}
