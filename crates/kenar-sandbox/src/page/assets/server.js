// The sandbox, as the page asks it.

async function get(path, parameters) {
  const answer = await fetch(`${path}?${new URLSearchParams(parameters)}`);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

export const overview = (me) => get("overview", { me });
export const messages = (me, chat, from) => get("messages", from === undefined ? { me, chat } : { me, chat, from });
export const journal = (after) => get("journal", { after });

/** What faults can be aimed at, and the dialects. */
export const choices = () => get("faults");

/** Posts something. The answer says what came of it, or why nothing did in `error`. */
async function post(path, type, body) {
  try {
    const answer = await fetch(path, { method: "POST", headers: { "content-type": type }, body });
    return answer.ok ? await answer.json() : { error: await answer.text() };
  } catch (error) {
    return { error: String(error) };
  }
}

/** Does something. */
export const act = (name, body) => post(`act/${name}`, "application/json", JSON.stringify(body));

/** Plays a saved session to the add-ons. */
export const play = (file) => post("session", "application/json", file);

/** Sends a photo, a video, a recording or a file. */
export const send = (parameters, blob) =>
  post(`send?${new URLSearchParams(parameters)}`, blob.type || "application/octet-stream", blob);

/** Calls `changed` at each change, and `connected` with whether the sandbox is there. */
export function live(changed, connected) {
  const source = new EventSource("live");
  source.addEventListener("message", changed);
  source.addEventListener("open", () => connected(true));
  source.addEventListener("error", () => connected(false));
}
