/** Where one writes: grows with the text, Enter sends, Shift+Enter begins a line. */
import { byId } from "./dom.js";

const form = byId("composer", HTMLFormElement);
const area = byId("text", HTMLTextAreaElement);
const left = byId("left", HTMLElement);
/** A draft for each room. */
const drafts = new Map<number, string>();
let room = 0;
let limit = 2000;

/** Others are told at most this often that somebody types. */
const TYPING_MS = 2500;

export function composer(send: (text: string) => void, typing: () => void): void {
  let told = 0;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = area.value.trim();
    if (!text || tooMany() > 0) return;
    send(text);
    area.value = "";
    told = 0;
    fit();
    area.focus();
  });
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  area.addEventListener("input", () => {
    fit();
    if (area.value.trim() && Date.now() - told > TYPING_MS) {
      told = Date.now();
      typing();
    }
  });
  fit();
}

export function compose(to: { id: number; name: string }, max: number): void {
  if (room) drafts.set(room, area.value);
  room = to.id;
  limit = max;
  area.value = drafts.get(room) ?? "";
  // Until there is a room to write to, there was nowhere to write.
  area.disabled = false;
  area.placeholder = `Write to ${to.name}`;
  fit();
  // On a phone the keyboard would cover what one came to read.
  if (matchMedia("(hover: hover)").matches) area.focus();
}

function tooMany(): number {
  // As the server counts: characters, not UTF-16 units.
  return [...area.value.trim()].length - limit;
}

function fit(): void {
  area.style.height = "auto";
  area.style.height = `${Math.min(area.scrollHeight, 180)}px`;
  const over = tooMany();
  left.textContent = over > 0 ? `${over} too many` : over > -200 ? String(-over) : "";
  left.classList.toggle("over", over > 0);
  form.classList.toggle("ready", area.value.trim() !== "" && over <= 0);
}
