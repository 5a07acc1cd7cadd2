// Building the page. Text is always inserted as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** Creates an element. `on…` adds a listener; a name with a dash sets an attribute; empty values are skipped. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

/** Creates an icon from a symbol of the document. */
export function icon(name, className = "icon") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export const find = (id) => document.getElementById(id);

/** Gives a button an icon, with its name for screen readers and as a tooltip. */
export function label(button, iconName, name, shown) {
  button.replaceChildren(icon(iconName), ...(shown ? [make("span", {}, shown)] : []));
  button.title = name;
  button.setAttribute("aria-label", name);
}

/** Creates an avatar: the first letter of a name on a colour derived from it. */
export function avatar(name, iconName) {
  const tone = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 8, 7);
  const inside = iconName ? icon(iconName) : ([...name.trim()][0] ?? "?").toLocaleUpperCase();
  return make("span", { class: `avatar tone-${tone}`, "aria-hidden": "true" }, inside);
}

/** Updates the children of a list to `items`. Unchanged children stay, with their focus. */
export function list(parent, items, keyOf, build) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const children = items.map((item) => {
    const key = keyOf(item);
    const state = JSON.stringify(item);
    const kept = old.get(key);
    if (kept?.dataset.state === state) return kept;
    const element = build(item);
    element.dataset.key = key;
    element.dataset.state = state;
    if (kept?.contains(document.activeElement)) {
      queueMicrotask(() => element.querySelector("button, a, summary")?.focus());
    }
    return element;
  });
  const same =
    children.length === parent.children.length && children.every((child, at) => parent.children[at] === child);
  if (!same) parent.replaceChildren(...children);
}

/** Sets up a popover menu next to its button. */
export function menu(popover, build) {
  popover.addEventListener("beforetoggle", (event) => {
    if (event.newState === "open") popover.replaceChildren(...build().filter(Boolean));
  });
  popover.addEventListener("toggle", (event) => {
    const button = document.querySelector(`[popovertarget="${popover.id}"]`);
    button?.setAttribute("aria-expanded", String(event.newState === "open"));
    if (event.newState !== "open" || !button) return;
    place(popover, button.getBoundingClientRect());
    popover.querySelector("button, input, a")?.focus();
  });
  popover.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") step(event, popover);
  });
}

function place(popover, anchor) {
  const { offsetWidth: width, offsetHeight: height } = popover;
  const gap = 6;
  const rightToLeft = document.documentElement.dir === "rtl";
  const wanted = rightToLeft ? anchor.right - width : anchor.left;
  const left = Math.max(gap, Math.min(wanted, innerWidth - width - gap));
  const below = anchor.bottom + gap;
  const top = below + height + gap <= innerHeight ? below : Math.max(gap, anchor.top - height - gap);
  popover.style.left = `${left}px`;
  popover.style.top = `${top}px`;
}

/** Moves the focus up or down in a list. */
export function step(event, parent, selector = "button:not(:disabled)") {
  const buttons = [...parent.querySelectorAll(selector)];
  const at = buttons.indexOf(document.activeElement);
  if (at < 0) return;
  event.preventDefault();
  buttons[(at + (event.key === "ArrowDown" ? 1 : buttons.length - 1)) % buttons.length].focus();
}

/** Opens a modal dialog, which is removed when it closes. */
export function dialogue(title, closeName, ...content) {
  const close = make("button", { type: "button", class: "tool", onclick: () => dialog.close() });
  label(close, "close", closeName);
  const dialog = make(
    "dialog",
    { class: "dialogue", "aria-label": title },
    make("header", { class: "dialogue-head" }, make("h2", {}, title), close),
    ...content,
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Shows a text that disappears by itself. */
export function toast(text, kind = "plain") {
  if (!text) return;
  const shown = make("div", { class: `toast ${kind}`, dir: "auto" }, text);
  const toasts = find("toasts");
  for (const same of [...toasts.children].filter((old) => old.textContent === text)) same.remove();
  toasts.append(shown);
  while (toasts.children.length > 2) toasts.firstChild.remove();
  // Shown again, so that it is above a dialog that was opened since.
  if (toasts.matches(":popover-open")) toasts.hidePopover();
  toasts.showPopover();
  setTimeout(() => shown.remove(), kind === "bad" ? 9000 : 4000);
}

export async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    toast(done, "good");
  } catch {
    toast(text);
  }
}
