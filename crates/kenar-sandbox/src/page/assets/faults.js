// Faults: a dialog switches them on, and the panel lists pending ones and switches them off.

import { dialogue, find, icon, label, list, make, toast } from "./dom.js";
import { act, choices } from "./server.js";
import { number, t } from "./words.js";

const CALL = "call";
const WEBHOOK = "webhook";
const EVENT = "webhook.event";
const FALLBACK_URL = "fallback_url";

/** The faults, each with a name, its value and the inputs that it needs. */
const FAULTS = [
  { name: "status", with: [CALL], needs: "status" },
  { name: "bare_status", with: [CALL], needs: "status" },
  { name: "html", with: [CALL] },
  { name: "no_response", with: [CALL] },
  { name: "response_lost", with: [CALL] },
  { name: "cut_off", with: [CALL] },
  { name: "wrong_key", with: [WEBHOOK] },
  { name: "no_key", with: [WEBHOOK] },
  { name: "garbled", with: [WEBHOOK] },
  { name: "lost", with: [WEBHOOK] },
  { name: "duplicate", with: [WEBHOOK] },
  { name: "out_of_order", with: [EVENT] },
  { name: "unknown_kind", with: [EVENT] },
  { name: "slow", with: [CALL], needs: "delay" },
  { name: "delay", with: [CALL, WEBHOOK], needs: "delay" },
  { name: "dialect", with: [CALL, WEBHOOK, FALLBACK_URL], needs: "dialect" },
];

let active = [];

const keyOf = (fault) => String(fault.id);

/** Shows the pending faults. */
export function show(faults) {
  active = faults;
  const parent = find("faults");
  if (!parent) return;
  const hadFocus = parent.contains(document.activeElement);
  list(parent, active, keyOf, item);
  parent.hidden = active.length === 0;
  // The focused element was removed.
  if (hadFocus && !parent.contains(document.activeElement))
    (parent.querySelector("button") ?? document.querySelector("[data-does=faults]")).focus();
}

/** Creates the list, for a new panel. */
export function build() {
  const parent = make("ul", { id: "faults", class: "faults", "aria-label": t("faults_on"), "aria-live": "polite" });
  parent.hidden = active.length === 0;
  list(parent, active, keyOf, item);
  return parent;
}

function item(fault) {
  const name = t(`fault_${fault.fault}`);
  const left = fault.left === null ? t("fault_always_on") : t("fault_left", { times: number(fault.left) });
  const struck = fault.strikes > 0 && t("fault_struck", { times: number(fault.strikes) });
  const off = make("button", {
    type: "button",
    class: "tool",
    "data-does": "fault_off",
    onclick: () => switchOff(fault),
  });
  label(off, "close", t("fault_off", { name }));
  return make(
    "li",
    { class: "fault" },
    icon("bolt"),
    make(
      "span",
      { class: "fault-text" },
      make("strong", {}, name, fault.told && make("bdi", { class: "fault-told", dir: "ltr" }, fault.told)),
      make("span", { class: "fault-at" }, at(fault.at)),
      make("span", { class: "fault-left" }, [left, struck].filter(Boolean).join(" · ")),
    ),
    off,
  );
}

/** The translated name of a target. Names in the journal stay untranslated. */
const at = (name) => (name === "any_call" ? t(name) : make("bdi", { class: "name", dir: "ltr" }, name));

async function switchOff({ id }) {
  const { error } = await act("fault-off", { id });
  if (error) toast(error, "bad");
}

/** Opens the dialog that switches on a fault. */
export async function open() {
  let known;
  try {
    known = await choices();
  } catch (error) {
    return toast(String(error), "bad");
  }
  const [where, whereField] = select("fault_where", [
    [t("fault_webhooks"), known.webhooks.map((name) => [name, name])],
    [t("fault_calls"), known.calls.map((name) => [name, name === "any_call" ? t(name) : name])],
  ]);
  const [what, whatField] = select("fault_what", []);
  const inputs = {
    status: input("status", { type: "number", min: 200, max: 599, value: "503", dir: "ltr" }),
    delay: input("delay", { type: "number", min: 0, max: 60, step: "any", value: "3", dir: "ltr" }),
    dialect: select("dialect", [[t("fault_dialect"), known.dialects.map((name) => [name, name])]]),
  };
  const [times, timesField] = input("times", { type: "number", min: 1, max: 4_294_967_295, value: "1", dir: "ltr" });
  const always = make("input", { type: "checkbox", id: "fault-always", onchange: settle });
  const needed = () => FAULTS.find(({ name }) => name === what.value).needs;

  function offer() {
    const isWebhook = known.webhooks.includes(where.value) && where.value !== FALLBACK_URL;
    const kinds = where.value === FALLBACK_URL ? [FALLBACK_URL] : isWebhook ? [WEBHOOK, where.value] : [CALL];
    const fitting = FAULTS.filter((fault) => fault.with.some((kind) => kinds.includes(kind)));
    const before = what.value;
    what.replaceChildren(...fitting.map(({ name }) => make("option", { value: name }, t(`fault_${name}`))));
    if (fitting.some(({ name }) => name === before)) what.value = before;
    settle();
  }

  /** Inputs that are not needed are neither shown nor validated. */
  function settle() {
    for (const [name, [element, field]] of Object.entries(inputs)) {
      field.hidden = name !== needed();
      element.disabled = field.hidden;
    }
    times.disabled = always.checked;
  }

  async function submit(event) {
    event.preventDefault();
    const values = {
      status: () => inputs.status[0].valueAsNumber,
      delay: () => Math.round(inputs.delay[0].valueAsNumber * 1000),
      dialect: () => inputs.dialect[0].value,
    };
    const needs = needed();
    const fault = needs ? { [what.value]: values[needs]() } : what.value;
    const { error } = await act("fault-on", {
      at: where.value,
      fault,
      times: always.checked ? null : times.valueAsNumber,
    });
    if (error) return toast(error, "bad");
    dialog.close();
  }

  where.addEventListener("change", offer);
  what.addEventListener("change", settle);
  offer();
  const dialog = dialogue(
    t("faults"),
    t("close"),
    make("p", { class: "dialogue-hint" }, t("faults_hint")),
    make(
      "form",
      { class: "fault-form", onsubmit: submit },
      whereField,
      whatField,
      Object.values(inputs).map(([, field]) => field),
      timesField,
      make("label", { class: "check", for: "fault-always" }, always, make("span", {}, t("fault_always"))),
      make(
        "div",
        { class: "dialogue-foot" },
        make("button", { type: "submit", class: "button primary" }, icon("bolt"), t("fault_on")),
      ),
    ),
  );
}

function input(name, properties) {
  const element = make("input", { class: "field", id: `fault-${name}`, required: true, ...properties });
  return [element, labelled(element, `fault_in_${name}`)];
}

function select(name, groups) {
  const element = make(
    "select",
    { class: "field", id: name.replace("_", "-") },
    groups.map(([title, options]) => {
      const group = make(
        "optgroup",
        {},
        options.map(([value, shown]) => make("option", { value }, shown)),
      );
      group.label = title;
      return group;
    }),
  );
  return [element, labelled(element, name)];
}

const labelled = (element, name) =>
  make("label", { class: "labelled", for: element.id }, make("span", {}, t(name)), element);
