/** The chat's page: ties what is known (model) to what is seen, and both to the channel. */
import { type Client, connect, type Delivery, json, RequestError } from "../../../../js/src/index.js";
import { persistent } from "../../../../js/src/persistent.js";
import { showState } from "./badge.js";
import { compose, composer } from "./composer.js";
import { byId } from "./dom.js";
import { logOut, whoIsIt } from "./entrance.js";
import { appended, atEnd, hintNewer, type Keep, showMessages, showTyping, toEnd } from "./messages.js";
import { Model, type Pending, type RoomState } from "./model.js";
import { showMe, showOnline, showRooms } from "./sidebar.js";
import type { ClientEvents, Draft, Mark, Message, ServerEvents } from "./wire.js";

/** Somebody who typed counts as typing for this long. */
const TYPING_MS = 4000;
/** Pages of history fetched to close a gap; beyond that the room starts afresh with the newest. */
const CATCH_UP_PAGES = 6;

const model = new Model();
const scroll = byId("scroll", HTMLElement);
const earlier = byId("earlier", HTMLElement);
const toast = byId("toast", HTMLElement);
let channel: Client<ServerEvents, ClientEvents>;
/** The mark when the current room was entered: the line "New" stands after it. */
let divider = 0;
let loadingEarlier = false;
/** What the last mark sent was, by room, so that nothing is sent twice. */
const marked = new Map<number, number>();

const actions = {
  retry: (pending: Pending) => {
    discard(pending);
    deliver(pending);
  },
  discard: (pending: Pending) => {
    discard(pending);
    render("place");
  },
};

function current(): RoomState | undefined {
  return model.rooms.get(model.current);
}

function render(keep: Keep): void {
  const room = current();
  if (room) showMessages(model, room, divider, keep, actions, channel.state.status);
}

function lists(): void {
  showRooms(model, choose);
}

/** Opens a room on the screen. */
function choose(id: number): void {
  const room = model.rooms.get(id);
  if (!room) return;
  model.current = id;
  divider = room.unread ? room.read : 0;
  byId("room-title", HTMLElement).textContent = room.name;
  history.replaceState(null, "", `#${id}`);
  compose(room, model.limits.text);
  render("end");
  showTyping(room);
  lists();
  if (room.loaded) markRead();
  else void load(room);
}

async function load(room: RoomState): Promise<void> {
  try {
    model.history(room, await channel.request("chat/history", { room: room.id }), "newest");
    if (room.id === model.current) render("end");
    markRead();
  } catch (error) {
    // When the connection is back, everything is asked again.
    complain(error);
  }
}

async function loadEarlier(): Promise<void> {
  const room = current();
  const oldest = room?.messages[0];
  if (!room?.more || !oldest || loadingEarlier) return;
  loadingEarlier = true;
  earlier.hidden = false;
  try {
    model.history(room, await channel.request("chat/history", { room: room.id, before: oldest.id }), "before");
    earlier.hidden = true;
    if (room.id === model.current) render("place");
  } catch (error) {
    complain(error);
  } finally {
    earlier.hidden = true;
    loadingEarlier = false;
  }
}

/** Fetches what was said while there was no connection. */
async function catchUp(room: RoomState): Promise<void> {
  for (let page = 0; page < CATCH_UP_PAGES; page++) {
    const after = room.messages.at(-1)?.id ?? 0;
    const missed = await channel.request("chat/history", { room: room.id, after });
    model.history(room, missed, "after");
    if (!missed.more) return;
  }
  room.messages = [];
  model.history(room, await channel.request("chat/history", { room: room.id }), "newest");
}

/** At every connection: who and what is there, and what was missed. A resumed session heard everything. */
async function enter(): Promise<void> {
  try {
    model.enter(await channel.request("chat/enter", null));
    showMe(model);
    showOnline(model);
    if (!current()) {
      const wished = Number(location.hash.slice(1));
      choose(model.rooms.has(wished) ? wished : (model.rooms.keys().next().value ?? 0));
    } else {
      const loaded = [...model.rooms.values()].filter((room) => room.loaded);
      await Promise.all(loaded.map(catchUp));
      appended(() => render("place"));
      hintNewer();
      const room = current();
      if (room && !room.loaded) await load(room);
    }
    lists();
    markRead();
  } catch (error) {
    complain(error);
  }
}

function say(text: string): void {
  deliver({ key: crypto.randomUUID(), room: model.current, text });
}

/**
 * The outbox sees to it that it arrives, if this page is gone by then, by another. A message has one key however often it is
 * tried, and the server takes each key once, so trying again by hand is safe too.
 */
function deliver({ room, text, key }: Draft): void {
  void follow({ room, text, key }, channel.request("chat/say", { room, text, key }));
}

/** What an earlier page left in the outbox. */
function goOn(restored: readonly Delivery[]): void {
  for (const { id, data, settled } of restored) {
    const reply = settled.then(({ error, reply }) => {
      if (error) throw error;
      return reply as Message;
    });
    if (id === "chat/say") void follow(data as Draft, reply);
  }
}

async function follow(draft: Draft, reply: Promise<Message>): Promise<void> {
  const pending: Pending = { ...draft };
  model.pending.push(pending);
  render("end");
  try {
    const message = await reply;
    // Its room may not be known yet, and then comes with it.
    discard(pending);
    said(message);
  } catch (error) {
    pending.failed = words(error);
    render("place");
  }
}

function discard(pending: Pending): void {
  model.pending = model.pending.filter((one) => one !== pending);
}

function said(message: Message): void {
  const room = model.said(message);
  if (!room) return;
  if (room.id === model.current) {
    const follow = atEnd() || message.by.id === model.me.id;
    appended(() => render(follow ? "end" : "place"));
    if (!follow) hintNewer();
    markRead();
    showTyping(room);
  }
  lists();
}

/** What is in sight is read: the room is open, the page is looked at, and its end is on the screen. */
function markRead(): void {
  const room = current();
  const last = room?.messages.at(-1);
  if (!room || !last || document.hidden || !document.hasFocus() || !atEnd()) return;
  if (last.id <= Math.max(room.read, marked.get(room.id) ?? 0)) return;
  if (channel.state.status !== "open") return;
  const mark: Mark = { room: room.id, message: last.id };
  marked.set(room.id, last.id);
  channel.send("chat/read", mark);
  model.read(mark);
  lists();
}

function words(error: unknown): string {
  if (!(error instanceof RequestError)) return "something went wrong";
  if (error.code === "disconnected" || error.code === "closed") return "there is no connection";
  if (error.code === "timeout") return "the server did not answer";
  return error.message;
}

/** Says what went wrong, unless it is only that there is no connection: the badge says that. */
function complain(error: unknown): void {
  if (error instanceof RequestError && (error.code === "disconnected" || error.code === "closed")) return;
  notify(words(error));
}

let toastTimer: ReturnType<typeof setTimeout> | undefined;
function notify(text: string): void {
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => {
    toast.hidden = true;
  }, 5000);
}

function listen(): void {
  channel.on("chat/said", said);
  channel.on("chat/typing", ({ room: id, by }) => {
    const room = model.rooms.get(id);
    if (!room || by.id === model.me.id) return;
    room.typing.set(by.id, { name: by.name, until: Date.now() + TYPING_MS });
    if (id === model.current) showTyping(room);
  });
  channel.on("chat/online", (change) => {
    if ("came" in change) model.came(change.came);
    else if ("went" in change) model.went(change.went.id);
    else model.everybody(change.all);
    showOnline(model);
  });
  channel.on("chat/read", (mark) => {
    model.read(mark);
    lists();
  });
  channel.on("chat/room-opened", (room) => {
    model.open(room);
    lists();
  });
  channel.on("chat/renamed", (person) => {
    model.renamed(person);
    showMe(model);
    showOnline(model);
    appended(() => render("place"));
  });
  channel.onGap(() => void enter());
  channel.onState((now, before) => {
    showState(now);
    render("place");
    if (now.status === "open" && before.status !== "open") void enter();
    // Logged out, here or in another tab.
    if (now.status === "closed" && now.reason === "refused") location.reload();
  });
}

function controls(): void {
  composer(say, () => {
    channel.send("chat/typing", model.current, { volatile: true });
  });
  setInterval(() => showTyping(current()), 1000);
  scroll.addEventListener("scroll", () => {
    if (scroll.scrollTop < 200) void loadEarlier();
    if (atEnd()) {
      byId("newer", HTMLElement).hidden = true;
      markRead();
    }
  });
  byId("newer", HTMLElement).addEventListener("click", toEnd);
  addEventListener("focus", markRead);
  document.addEventListener("visibilitychange", markRead);
  addEventListener("resize", () => render("place"));
  byId("open-room", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    void openRoom(byId("room-name", HTMLInputElement));
  });
  settings();
}

async function openRoom(input: HTMLInputElement): Promise<void> {
  if (!input.value.trim()) return;
  try {
    const room = await channel.request("chat/open-room", input.value);
    input.value = "";
    model.open(room);
    choose(room.id);
  } catch (error) {
    notify(words(error));
  }
}

function settings(): void {
  const dialog = byId("settings", HTMLDialogElement);
  const name = byId("new-name", HTMLInputElement);
  const problem = byId("settings-problem", HTMLElement);
  const code = byId("code", HTMLOutputElement);
  const attempt = async (action: () => Promise<void>) => {
    problem.textContent = "";
    await action().catch((error: unknown) => {
      problem.textContent = words(error);
    });
  };
  byId("settings-open", HTMLElement).addEventListener("click", () => {
    name.value = model.me.name;
    problem.textContent = code.value = "";
    dialog.showModal();
  });
  byId("settings-close", HTMLElement).addEventListener("click", () => dialog.close());
  byId("rename", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt(async () => {
      await channel.request("chat/rename", name.value);
      dialog.close();
    });
  });
  byId("device", HTMLElement).addEventListener("click", () => {
    void attempt(async () => {
      const given = await channel.request("chat/device", null);
      code.value = `${given.code.slice(0, 5)}-${given.code.slice(5)}`;
      code.title = `valid once, for ${given.minutes} minutes`;
    });
  });
  byId("logout", HTMLElement).addEventListener("click", () => {
    void attempt(async () => {
      await logOut();
      location.reload();
    });
  });
}

const me = await whoIsIt();
byId("chat", HTMLElement).hidden = false;
channel = connect<ServerEvents, ClientEvents>("/chsk", {
  codec: json(),
  outbox: persistent({ user: String(me.id), keep: (id) => id === "chat/say", onRestored: goOn }),
});
listen();
controls();
showState(channel.state);
