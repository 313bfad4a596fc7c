/** Who somebody is, before the channel opens: plain HTTP and a cookie. */
import { byId } from "./dom.js";
import type { Person } from "./wire.js";

const entrance = byId("entrance", HTMLElement);

/** Resolves when there is somebody: at once when the cookie says so, else when they have said a name or a code. */
export async function whoIsIt(): Promise<Person> {
  const known = await remembered();
  if (known) return known;
  entrance.hidden = false;
  byId("login-name", HTMLInputElement).focus();
  const person = await new Promise<Person>((entered) => {
    submit("login", "login-name", "login-problem", (name) => post("/api/login", { name }), entered);
    submit("join", "join-code", "join-problem", (code) => post("/api/join", { code }), entered);
  });
  entrance.hidden = true;
  return person;
}

/** While the server is away it is not known who somebody is: asked again until it is there. */
async function remembered(): Promise<Person | undefined> {
  for (;;) {
    try {
      const answer = await fetch("/api/me");
      if (answer.status === 401) return undefined;
      const said: unknown = answer.ok && (await answer.json());
      if (isPerson(said)) return said;
    } catch {
      // Not there; see below.
    }
    await new Promise((resolve) => setTimeout(resolve, 2000 + 1000 * Math.random()));
  }
}

export async function logOut(): Promise<void> {
  await post("/api/logout", {});
}

function submit(
  form: string,
  input: string,
  problem: string,
  ask: (text: string) => Promise<Person | undefined>,
  done: (person: Person) => void,
): void {
  const said = byId(problem, HTMLElement);
  byId(form, HTMLFormElement).addEventListener("submit", async (event) => {
    event.preventDefault();
    said.textContent = "";
    try {
      const person = await ask(byId(input, HTMLInputElement).value);
      if (person) done(person);
    } catch (error) {
      said.textContent = error instanceof Error ? error.message : "that did not work";
    }
  });
}

async function post(url: string, body: object): Promise<Person | undefined> {
  let answer: Response;
  try {
    const headers = { "content-type": "application/json" };
    answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  } catch {
    throw new Error("the server does not answer; try again in a moment");
  }
  if (answer.status === 204) return undefined;
  const said: unknown = await answer.json().catch(() => undefined);
  if (answer.ok && isPerson(said)) return said;
  throw new Error(isProblem(said) ? said.message : "the server could not do this; try again");
}

function isPerson(said: unknown): said is Person {
  return typeof said === "object" && said !== null && "id" in said && "name" in said;
}

function isProblem(said: unknown): said is { message: string } {
  return typeof said === "object" && said !== null && "message" in said && typeof said.message === "string";
}
