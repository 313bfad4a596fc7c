/** Rooms, people, and oneself. */
import { byId, element, face } from "./dom.js";
import type { Model } from "./model.js";

const rooms = byId("rooms", HTMLUListElement);
const online = byId("online", HTMLUListElement);
const count = byId("online-count", HTMLElement);
const chat = byId("chat", HTMLElement);
const sidebar = byId("sidebar", HTMLElement);
const menu = byId("menu", HTMLButtonElement);
const menuUnread = byId("menu-unread", HTMLElement);
const narrow = matchMedia("(max-width: 720px)");

export function showRooms(model: Model, choose: (id: number) => void): void {
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.room : undefined;
  rooms.replaceChildren(
    ...[...model.rooms.values()].map((room) => {
      const current = room.id === model.current;
      const unread = current ? 0 : room.unread;
      const button = element("button", "room", element("span", "hash", "#"), element("span", "room-name", room.name));
      if (unread) {
        const many = element("span", "unread", unread > 99 ? "99+" : String(unread));
        many.setAttribute("aria-label", `${unread} unread`);
        button.append(many);
      }
      button.dataset.room = String(room.id);
      if (current) button.setAttribute("aria-current", "page");
      button.addEventListener("click", () => {
        choose(room.id);
        drawer("closed");
      });
      return element("li", "", button);
    }),
  );
  if (focused) rooms.querySelector<HTMLElement>(`[data-room="${focused}"]`)?.focus();
  const unread = model.unreadElsewhere();
  menuUnread.hidden = unread === 0;
  const room = model.rooms.get(model.current);
  const hidden = document.hidden ? (room?.unread ?? 0) : 0;
  document.title = `${unread + hidden ? `(${unread + hidden}) ` : ""}${room ? `${room.name} · ` : ""}Chat`;
}

export function showOnline(model: Model): void {
  const people = [...model.online.values()].sort((a, b) => a.name.localeCompare(b.name));
  count.textContent = String(model.onlineCount);
  online.replaceChildren(
    ...people.map((person) => {
      const you = person.id === model.me.id ? [element("span", "you", "you")] : [];
      return element("li", "", face(person), element("span", "person-name", person.name), ...you);
    }),
  );
  const unnamed = model.onlineCount - people.length;
  if (unnamed > 0) online.append(element("li", "more", `and ${unnamed} more`));
}

export function showMe(model: Model): void {
  byId("me-face", HTMLElement).replaceChildren(face(model.me));
  byId("me-name", HTMLElement).textContent = model.me.name;
}

/** On a narrow screen the rooms are a drawer. */
export function drawer(to: "open" | "closed"): void {
  const open = to === "open";
  const had = sidebar.contains(document.activeElement);
  chat.classList.toggle("drawer-open", open);
  menu.setAttribute("aria-expanded", String(open));
  sidebar.inert = narrow.matches && !open;
  if (!narrow.matches) return;
  if (open) rooms.querySelector<HTMLElement>("[aria-current]")?.focus();
  else if (had) menu.focus();
}

menu.addEventListener("click", () => drawer(chat.classList.contains("drawer-open") ? "closed" : "open"));
byId("shade", HTMLElement).addEventListener("click", () => drawer("closed"));
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && chat.classList.contains("drawer-open")) drawer("closed");
});
narrow.addEventListener("change", () => drawer("closed"));
drawer("closed");
