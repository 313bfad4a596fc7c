/** The little of the DOM that the page needs. Text only ever becomes text: there is no HTML to inject into. */

export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${id}`);
  return found;
}

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** A round face: the first letter of the name, in a colour that stays with the person. */
export function face(person: { id: number; name: string }): HTMLElement {
  const letter = [...person.name][0] ?? "?";
  const made = element("span", `face tint-${person.id % 8}`, letter.toLocaleUpperCase());
  made.setAttribute("aria-hidden", "true");
  return made;
}
