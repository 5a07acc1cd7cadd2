// The network panel, with all requests and responses.

import { copy, find, icon, label, list, make, step, toast } from "./dom.js";
import * as faults from "./faults.js";
import * as session from "./session.js";
import { act, journal } from "./server.js";
import { exactTime, t } from "./words.js";

/** The maximum number of lines. */
const MOST = 300;

const FILTERS = {
  wire_all: () => true,
  wire_out: (line) => line.to_add_on,
  wire_in: (line) => !line.to_add_on,
  wire_failed: (line) => !line.success,
};

/** The actions on a line, each with a name, an icon, a condition and a function. */
const ACTIONS = [
  { name: "copy_curl", icon: "copy", fits: (line) => line.curl, does: (line) => copy(line.curl, t("copied")) },
  { name: "redeliver", icon: "refresh", fits: (line) => line.redeliverable, does: redeliver },
];

/** The actions on all lines. */
const TOOLS = [
  { name: "faults", icon: "bolt", does: faults.open },
  { name: "session_save", icon: "save", does: session.save },
  { name: "session_load", icon: "load", does: session.load },
  { name: "wire_clear", icon: "trash", does: clear },
];

let lines = [];
let last = 0;
let cleared = 0;
let filter = "wire_all";

/** Loads new lines. `failed` is called with each event that an add-on did not accept. */
export async function refresh(upTo, failed) {
  if (upTo === last) return;
  const first = last === 0;
  const fresh = (await journal(last)).filter((line) => line.number > last);
  if (!fresh.length) return;
  last = fresh.at(-1).number;
  lines = [...lines, ...fresh].slice(-MOST);
  render();
  if (!first) fresh.filter((line) => line.operation === "webhook.event" && !line.success).forEach(failed);
}

/** Starts again, perhaps with another sandbox at the same URL. */
export function forget() {
  [lines, last, cleared] = [[], 0, 0];
}

async function redeliver(line) {
  const { error } = await act("redeliver", { number: line.number });
  toast(error ?? t("redelivered"), error ? "bad" : "good");
}

function clear() {
  cleared = last;
  render();
}

export function build() {
  const tools = TOOLS.map((tool) => {
    const button = make("button", { type: "button", class: "tool", "data-does": tool.name, onclick: tool.does });
    label(button, tool.icon, t(tool.name));
    return button;
  });
  const close = make("button", {
    type: "button",
    class: "tool wire-close",
    onclick: () => find("wire-toggle").click(),
  });
  label(close, "close", t("close"));
  const filters = Object.keys(FILTERS).map((name) =>
    make(
      "button",
      { type: "button", class: "chip", "aria-pressed": String(name === filter), onclick: () => choose(name) },
      t(name),
    ),
  );
  find("wire").replaceChildren(
    make("header", { class: "wire-head" }, make("h2", {}, t("wire")), ...tools, close),
    make("div", { class: "chips", role: "group" }, filters),
    faults.build(),
    make("ol", { id: "lines", class: "lines", onkeydown: moves }),
    make("p", { id: "no-lines", class: "no-lines" }, t("wire_empty")),
  );
  render();
}

function moves(event) {
  if ((event.key === "ArrowDown" || event.key === "ArrowUp") && event.target.matches("summary"))
    step(event, find("lines"), "summary");
}

function choose(name) {
  filter = name;
  build();
  find("wire").querySelector("[aria-pressed=true]").focus();
}

function render() {
  const parent = find("lines");
  if (!parent) return;
  const shown = lines.filter((line) => line.number > cleared && FILTERS[filter](line)).reverse();
  const open = new Set(
    [...parent.querySelectorAll("details[open]")].map((details) => details.parentElement.dataset.key),
  );
  list(
    parent,
    shown,
    (line) => String(line.number),
    (line) => item(line, open.has(String(line.number))),
  );
  find("no-lines").hidden = shown.length > 0;
}

function item(line, open) {
  const details = make("details", { open }, headline(line));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(body(line));
  });
  return make("li", { class: line.success ? "line" : "line bad" }, details);
}

function headline(line) {
  const direction = t(line.to_add_on ? "to_add_on" : "to_kenar");
  return make(
    "summary",
    {},
    make(
      "span",
      { class: line.to_add_on ? "way out" : "way in", title: direction, "aria-label": direction, role: "img" },
      icon("back"),
    ),
    make("span", { class: "operation", dir: "ltr" }, line.operation),
    make(
      "span",
      { class: line.success ? "status good" : "status bad", dir: "ltr" },
      line.status ? String(line.status) : t("no_response"),
    ),
    make("span", { class: "line-told", dir: "ltr" }, told(line)),
  );
}

function told({ number, at, took_ms: took, app }) {
  const parts = [`#${number}`, exactTime(new Date(at)), took && `${took.toFixed(1)} ms`, app];
  return parts.filter(Boolean).join(" · ");
}

function body(line) {
  const actions = ACTIONS.filter((action) => action.fits(line)).map((action) =>
    make(
      "button",
      { type: "button", class: "chip", "data-does": action.name, onclick: () => action.does(line) },
      icon(action.icon),
      t(action.name),
    ),
  );
  return make(
    "div",
    { class: "line-body" },
    make("code", { class: "target", dir: "ltr" }, line.target),
    line.notes.map((note) => make("p", { class: "note", dir: "auto" }, icon("info"), make("span", {}, note))),
    part("request", line.request),
    part("response", line.response),
    make("div", { class: "line-actions" }, actions),
  );
}

function part(name, text) {
  return make(
    "section",
    {},
    make("h3", {}, t(name)),
    text
      ? make("pre", { dir: "ltr", tabIndex: 0, "aria-label": t(name) }, indented(text))
      : make("p", { class: "told" }, t("no_body")),
  );
}

/** Indents JSON. Numbers and escapes stay as written. */
export function indented(text) {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  return text.replace(/"(?:[^"\\]|\\.)*"|[{[]\s*[}\]]|[{}[\],:]|\s+/g, (token) => {
    if (token === "{" || token === "[") return ((depth += 1), token + line());
    if (token === "}" || token === "]") return ((depth -= 1), line() + token);
    if (token === ",") return token + line();
    if (token === ":") return ": ";
    return /^\s+$/.test(token) ? "" : token;
  });
}
