// The sandbox, as the page asks it.

async function get(path, parameters) {
  const answer = await fetch(`${path}?${new URLSearchParams(parameters)}`);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

export const overview = (me) => get("overview", { me });
export const messages = (me, chat, from) => get("messages", from === undefined ? { me, chat } : { me, chat, from });
export const journal = (after) => get("journal", { after });

/** Does something. The answer says what came of it, or why nothing did in `error`. */
export async function act(name, body) {
  try {
    const answer = await fetch(`act/${name}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return answer.ok ? await answer.json() : { error: await answer.text() };
  } catch (error) {
    return { error: String(error) };
  }
}

/** Sends a photo, a video, a recording or a file. */
export async function send(parameters, blob) {
  try {
    const type = blob.type || "application/octet-stream";
    const answer = await fetch(`send?${new URLSearchParams(parameters)}`, {
      method: "POST",
      headers: { "content-type": type },
      body: blob,
    });
    return answer.ok ? await answer.json() : { error: await answer.text() };
  } catch (error) {
    return { error: String(error) };
  }
}

/** Calls `changed` at each change, and `connected` with whether the sandbox is there. */
export function live(changed, connected) {
  const source = new EventSource("live");
  source.addEventListener("message", changed);
  source.addEventListener("open", () => connected(true));
  source.addEventListener("error", () => connected(false));
}
