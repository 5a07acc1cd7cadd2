// Requests of the page to the sandbox.

async function get(path, parameters) {
  const response = await fetch(`${path}?${new URLSearchParams(parameters)}`);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

export const overview = (me) => get("overview", { me });
export const messages = (me, chat, from) => get("messages", from === undefined ? { me, chat } : { me, chat, from });
export const journal = (after) => get("journal", { after });

/** The available fault targets and wire forms. */
export const choices = () => get("faults");

/** Sends a POST request. Returns its result, or an object with `error`. */
async function post(path, type, body) {
  try {
    const response = await fetch(path, { method: "POST", headers: { "content-type": type }, body });
    return response.ok ? await response.json() : { error: await response.text() };
  } catch (error) {
    return { error: String(error) };
  }
}

/** Performs an act. */
export const act = (name, body) => post(`act/${name}`, "application/json", JSON.stringify(body));

/** Replays a saved session against the add-ons. */
export const play = (file) => post("session", "application/json", file);

/** Sends a photo, a video, a recording or a file. */
export const send = (parameters, blob) =>
  post(`send?${new URLSearchParams(parameters)}`, blob.type || "application/octet-stream", blob);

/** Calls `changed` after each change, and `connected` with the state of the connection. */
export function live(changed, connected) {
  const source = new EventSource("live");
  source.addEventListener("message", changed);
  source.addEventListener("open", () => connected(true));
  source.addEventListener("error", () => connected(false));
}
