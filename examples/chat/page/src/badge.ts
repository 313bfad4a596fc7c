/** The badge: how the connection is doing, with a countdown while it waits. */
import type { State } from "../../../../js/src/index.js";
import { byId } from "./dom.js";

const badge = byId("badge", HTMLElement);
const text = byId("badge-text", HTMLElement);
let ticking: ReturnType<typeof setInterval> | undefined;

export function showState(state: State): void {
  clearInterval(ticking);
  show(state);
  if (state.status === "waiting") ticking = setInterval(() => show(state), 250);
}

function show(state: State): void {
  const [status, words] = describe(state);
  badge.dataset.status = status;
  // Only a change is written, so that a screen reader does not read the countdown again and again.
  if (text.textContent !== words) text.textContent = words;
  badge.title = "reason" in state ? (state.message ?? state.reason) : "";
}

function describe(state: State): [string, string] {
  switch (state.status) {
    case "connecting":
      return state.offline ? ["offline", "offline"] : ["connecting", state.attempt ? "reconnecting" : "connecting"];
    case "open":
      return state.transport === "ws" ? ["live", "live"] : ["polling", "polling"];
    case "waiting": {
      const seconds = Math.max(0, Math.ceil((state.retryAt - Date.now()) / 1000));
      if (state.offline) return ["offline", `offline, next try in ${seconds} s`];
      return ["waiting", `reconnecting in ${seconds} s`];
    }
    case "closed":
      return ["closed", state.reason === "replaced" ? "in use elsewhere" : "closed"];
  }
}
