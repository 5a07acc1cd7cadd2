// Saving and replaying sessions.

import { dialogue, icon, make } from "./dom.js";
import { play } from "./server.js";
import { number, t } from "./words.js";
import { indented } from "./wire.js";

/** Downloads the session as a file. */
export function save() {
  make("a", { href: "session", download: "kenar-session.json" }).click();
}

/** Opens the dialog that replays a session and shows the result. */
export function load() {
  const outcome = make("div", { id: "session-outcome", class: "outcome", role: "status" });
  const input = make("input", { type: "file", accept: ".json,application/json", hidden: true });
  const choose = make(
    "button",
    { type: "button", class: "button primary", "data-does": "session_choose", onclick: () => input.click() },
    icon("file"),
    t("session_choose"),
  );
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    input.value = ""; // so that the same file can be chosen again
    choose.disabled = true;
    outcome.replaceChildren(make("p", { class: "dialogue-hint" }, t("session_plays")));
    const played = await play(file);
    outcome.replaceChildren(...told(played));
    choose.disabled = false;
    choose.focus();
  });
  dialogue(
    t("session_load"),
    t("close"),
    make("p", { class: "dialogue-hint" }, t("session_hint")),
    outcome,
    input,
    make("div", { class: "dialogue-foot" }, choose),
  );
}

function told({ error, apps }) {
  if (error) return [verdict("bad", "close", error)];
  if (!apps.length) return [verdict("plain", "info", t("session_empty"))];
  return apps.map((played) => {
    const counts = { webhooks: number(played.webhooks), calls: number(played.calls) };
    return make(
      "section",
      { class: "played", "data-app": played.app },
      make("h3", {}, make("bdi", {}, played.app)),
      make("p", { class: "dialogue-hint" }, t("session_counts", counts)),
      judged(played),
      played.differences.map(difference),
    );
  });
}

function judged({ error, differences }) {
  if (error) return verdict("bad", "close", t("session_stopped", { why: error }));
  if (!differences.length) return verdict("good", "check", t("session_same"));
  return verdict("bad", "close", t("session_differs", { count: number(differences.length) }));
}

const verdict = (kind, sign, text) =>
  make("p", { class: `verdict ${kind}` }, icon(sign), make("span", { dir: "auto" }, text));

function difference({ what, expected, found }) {
  return make(
    "details",
    { class: "difference" },
    make("summary", { dir: "ltr" }, what),
    side("session_expected", expected),
    side("session_found", found),
  );
}

const side = (name, value) =>
  make(
    "section",
    {},
    make("h4", {}, t(name)),
    value === null
      ? make("p", { class: "dialogue-hint" }, t("session_nothing"))
      : make("pre", { dir: "ltr", tabIndex: 0, "aria-label": t(name) }, indented(JSON.stringify(value))),
  );
