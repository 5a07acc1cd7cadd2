// The page: the current person, their conversations, and the open one.

import { avatar, find, icon, label, list, make, step, toast } from "./dom.js";
import * as server from "./server.js";
import * as faults from "./faults.js";
import * as compose from "./compose.js";
import * as menus from "./menus.js";
import * as visit from "./visit.js";
import * as wire from "./wire.js";
import { bubble, sentAt, summary } from "./bubble.js";
import { chooseChat, postTitle, showPost } from "./sheets.js";
import { day, number, remember, switchLanguage, t, time, translate } from "./words.js";

const state = { me: null, chat: null, overview: null, bubbles: [], from: 0 };

/** The number of read messages, by person and conversation. */
const read = new Map();

const chatOf = (id) => state.overview?.chats.find((chat) => chat.id === id);

// Loading and showing data.

let refreshing = false;
let stale = false;

/** Loads and shows changes, again if something changed meanwhile. */
async function refresh() {
  stale = true;
  if (refreshing) return;
  refreshing = true;
  try {
    while (stale) {
      stale = false;
      await refreshOnce();
    }
  } catch (error) {
    toast(String(error), "bad");
  } finally {
    refreshing = false;
  }
}

async function refreshOnce() {
  const { me } = state;
  const overview = await server.overview(me ?? "");
  if (me !== state.me) return;
  state.overview = overview;
  faults.show(overview.faults);
  if (!overview.people.some(({ name }) => name === me)) {
    const [first] = overview.people;
    if (first) {
      become(first.name);
      stale = true;
      return;
    }
    [state.me, state.chat] = [null, null];
  }
  if (state.chat && !chatOf(state.chat)) state.chat = null;
  await Promise.all([fetchMessages(), wire.refresh(overview.journal, eventFailed)]);
  render();
}

const eventFailed = (line) => toast(t("failed_event", { why: line.notes[0] ?? line.status }), "bad");

async function fetchMessages() {
  const { me, chat, bubbles } = state;
  if (!chat) return;
  const end = state.from + bubbles.length;
  const length = chatOf(chat)?.length ?? 0;
  if (bubbles.length && length === end) return;
  const fresh = await server.messages(me, chat, bubbles.length ? end : undefined);
  if (me !== state.me || chat !== state.chat || state.bubbles !== bubbles) return;
  if (!bubbles.length) state.from = fresh.from;
  const scroll = find("scroll");
  const atEnd = isAtEnd();
  state.bubbles = [...bubbles, ...fresh.messages];
  show(fresh.messages, bubbles.at(-1));
  if (atEnd || !bubbles.length || fresh.messages.some(({ mine }) => mine)) scroll.scrollTop = scroll.scrollHeight;
  if (state.from + state.bubbles.length < fresh.length) stale = true;
}

function isAtEnd() {
  const scroll = find("scroll");
  return scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 120;
}

/** Keeps the last messages visible when a phone's keyboard opens or the window is resized. */
function keepEnd() {
  const scroll = find("scroll");
  let atEnd = true;
  scroll.addEventListener("scroll", () => {
    atEnd = isAtEnd();
  });
  new ResizeObserver(() => {
    if (atEnd) scroll.scrollTop = scroll.scrollHeight;
  }).observe(scroll);
}

async function fetchEarlier() {
  const { me, chat, from } = state;
  const start = Math.max(0, from - 200);
  const { messages } = await server.messages(me, chat, start);
  if (me !== state.me || chat !== state.chat || from !== state.from) return;
  const scroll = find("scroll");
  const below = scroll.scrollHeight - scroll.scrollTop;
  state.bubbles = [...messages.slice(0, from - start), ...state.bubbles];
  state.from = start;
  showAll();
  scroll.scrollTop = scroll.scrollHeight - below;
  find("earlier").hidden = start === 0;
}

/** After reconnecting, the sandbox may be another one with other conversations. */
function forget() {
  [state.bubbles, state.from] = [[], 0];
  find("messages").replaceChildren();
  read.clear();
  wire.forget();
  refresh();
}

function showAll() {
  find("messages").replaceChildren();
  show(state.bubbles, undefined);
}

/** Appends messages, with separators between days. */
function show(fresh, before) {
  const messages = find("messages");
  for (const shown of fresh) {
    const newDay = !before || day(sentAt(before)) !== day(sentAt(shown));
    if (newDay) messages.append(make("li", { class: "day" }, make("span", {}, day(sentAt(shown)))));
    const same =
      before && !newDay && before.mine === shown.mine && before.app === shown.app && before.person === shown.person;
    messages.append(
      bubble(shown, { follows: same, press: (row, column, button) => press(shown, row, column, button) }),
    );
    before = shown;
  }
}

function render() {
  renderMe();
  renderChats();
  renderChat();
}

function renderMe() {
  const { me } = state;
  const button = find("me");
  button.replaceChildren(
    ...(me ? [avatar(me), make("bdi", { class: "me-name" }, me)] : [icon("person"), make("span", {}, t("new_person"))]),
    icon("back", "icon down"),
  );
  button.title = me ? t("you_are", { name: me }) : t("who");
  button.setAttribute("aria-label", button.title);
}

function renderChats() {
  const { me, overview } = state;
  const chats = [...(overview?.chats ?? [])].sort((a, b) => lastAt(b) - lastAt(a));
  for (const chat of chats) {
    const key = `${me}/${chat.id}`;
    if (!read.has(key) || chat.id === state.chat) read.set(key, chat.length);
  }
  list(
    find("chats"),
    chats.map((chat) => ({
      ...chat,
      open: chat.id === state.chat,
      about: chat.post ? postTitle(overview, chat.post) : t("bot"),
      unread: chat.length - read.get(`${me}/${chat.id}`),
    })),
    (chat) => chat.id,
    chatItem,
  );
  if (!chats.length) {
    find("chats").replaceChildren(make("li", { class: "no-chats" }, me ? t("no_chats", { name: me }) : t("nobody")));
  }
}

const lastAt = (chat) => (chat.last ? sentAt(chat.last).getTime() : 0);

function chatItem(chat) {
  const last = chat.last ? summary(chat.last) : t("no_messages");
  return make(
    "li",
    {},
    make(
      "button",
      { type: "button", class: "chat-item", "aria-current": chat.open && "true", onclick: () => openChat(chat.id) },
      avatar(chat.title, chat.bot && "bot"),
      make(
        "span",
        { class: "chat-item-text" },
        make(
          "span",
          { class: "chat-item-top" },
          make("strong", { dir: "auto" }, chat.title),
          chat.last && make("time", {}, time(sentAt(chat.last))),
        ),
        make("span", { class: "chat-item-about", dir: "auto" }, chat.about),
        make(
          "span",
          { class: "chat-item-bottom" },
          make("span", { class: "chat-item-last", dir: "auto" }, last),
          chat.unread > 0 && make("span", { class: "unread" }, number(chat.unread)),
        ),
      ),
    ),
  );
}

function renderChat() {
  const chat = chatOf(state.chat);
  document.body.dataset.view = chat ? "chat" : "list";
  find("no-chat").hidden = Boolean(chat);
  find("open-chat").hidden = !chat;
  document.title = chat ? `${chat.title} · ${t("brand")}` : t("brand");
  if (!chat) return;
  const about = chat.bot
    ? t("bot")
    : [postTitle(state.overview, chat.post), t(chat.side === "SUPPLY" ? "seller" : "buyer")].join(" · ");
  find("chat-title").replaceChildren(
    avatar(chat.title, chat.bot && "bot"),
    make(
      "div",
      { class: "chat-title-text", title: chat.post ? t("post", { token: chat.post }) : undefined },
      make("h2", { dir: "auto" }, chat.title),
      make("span", {}, about),
    ),
  );
  const blocked = chat.blocked_by_me ? "blocked_by_me" : chat.blocked_by_other ? "blocked_by_other" : null;
  find("blocked").hidden = !blocked;
  find("blocked").textContent = blocked ? t(blocked) : "";
  find("composer").hidden = Boolean(blocked);
  find("earlier").hidden = state.from === 0;
  find("silence").hidden = chat.length > 0;
  find("silence").replaceChildren(
    icon(chat.bot ? "bot" : "chat"),
    make("p", {}, t(chat.bot ? "silence_bot" : "silence")),
  );
}

// Actions.

function become(name) {
  visit.close();
  [state.me, state.chat, state.bubbles, state.from] = [name, null, [], 0];
  try {
    sessionStorage.setItem("kenar.me", name); // for the consent page in the frame
  } catch {
    // Without storage, the consent page asks for the person.
  }
  toAddress();
}

function openChat(id, focus = true) {
  visit.close();
  [state.chat, state.bubbles, state.from] = [id, [], 0];
  find("messages").replaceChildren();
  toAddress();
  refresh().then(() => focus && matchMedia("(hover: hover)").matches && find("text").focus());
}

function closeChat() {
  visit.close();
  const left = state.chat;
  [state.chat, state.bubbles] = [null, []];
  toAddress();
  render();
  find("chats")
    .querySelector(`[data-key="${CSS.escape(left ?? "")}"] button`)
    ?.focus();
}

/** The URL contains the person and the conversation, so that each person can have a tab. */
function toAddress() {
  const parts = { as: state.me, chat: state.chat };
  const given = Object.entries(parts).filter(([, value]) => value);
  history.replaceState(null, "", `#${new URLSearchParams(given)}`);
}

function fromAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const stored = (() => {
    try {
      return sessionStorage.getItem("kenar.me");
    } catch {
      return null;
    }
  })();
  const me = given.get("as") ?? stored;
  if (me) become(me);
  if (given.get("chat")) state.chat = given.get("chat");
  toAddress();
}

async function doing(name, body) {
  const outcome = await server.act(name, { me: state.me, ...body });
  if (outcome.error) toast(outcome.error, "bad");
  return outcome;
}

async function press(shown, row, column, button) {
  if (button.action === "open_direct_link") return visit.open(button.href, new URL(button.href).host);
  const { chat } = state;
  const outcome = await doing("press", { chat, message: shown.message.id, row, column });
  toast(outcome.toast);
  lead(outcome, shown.app_title ?? "");
}

/** Shows the result of an act. */
function lead(outcome, title) {
  if (outcome.url) visit.open(outcome.url, title);
  if (outcome.post) {
    showPost(outcome, state, {
      ask,
      open: async (app, post) => lead(await doing("open-on-post", { post, app: app.slug }), app.title),
      link: async (app, post) => lead(await doing("follow-direct-link", { post, app: app.slug }), app.title),
    });
  }
  if (outcome.chat) openChat(outcome.chat);
}

const ask = async (post) => lead(await doing("ask-about", { post }));

function write(event) {
  event.preventDefault();
  const text = find("text");
  const said = text.value.trim();
  if (!said) return;
  text.value = "";
  fit();
  doing("write", { chat: state.chat, said: { text: said } }).then(({ error }) => {
    if (!error || text.value) return;
    text.value = said;
    fit();
  });
}

/** Fits the height of the field to its text, up to a few lines, and sets its direction. */
function fit() {
  const text = find("text");
  text.dir = text.value ? "auto" : document.documentElement.dir;
  text.style.height = "auto";
  text.style.height = `${Math.min(text.scrollHeight, 140)}px`;
}

// Setup.

const THEMES = ["auto", "light", "dark"];
const theme = () => document.documentElement.dataset.theme ?? "auto";

function nextTheme() {
  const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
  if (next === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  remember("theme", next);
  names();
}

function toggleWire() {
  const panel = find("wire");
  panel.hidden = !panel.hidden;
  // Closing it over the chat does not change the choice for the panel beside the chat.
  if (wide.matches) remember("wire", panel.hidden ? "closed" : "open");
  names();
  (panel.hidden ? find("wire-toggle") : panel.querySelector("button")).focus();
}

/** Labels the static elements of the document. */
function names() {
  translate();
  const language = find("language");
  language.textContent = t("language_short");
  language.title = t("language");
  language.lang = document.documentElement.lang === "fa" ? "en" : "fa";
  label(find("theme"), { auto: "auto", light: "sun", dark: "moon" }[theme()], t(`theme_${theme()}`));
  label(find("wire-toggle"), "wire", t("show_wire"));
  find("wire-toggle").setAttribute("aria-expanded", String(!find("wire").hidden));
  label(find("new-chat"), "plus", t("new_chat"));
  label(find("back"), "back", t("back"));
  label(find("addons-button"), "addon", t("addons"), t("addons"));
  label(find("more-button"), "more", t("more"));
  label(find("attach-button"), "plus", t("attach"));
  label(find("send"), "send", t("send"));
  find("text").placeholder = t("write");
  find("text").setAttribute("aria-label", t("write"));
  fit();
  visit.translate();
}

function listen() {
  find("language").addEventListener("click", () => {
    switchLanguage();
    names();
    wire.build();
    for (const item of find("chats").children) delete item.dataset.state;
    showAll();
    render();
    find("scroll").scrollTop = find("scroll").scrollHeight;
  });
  find("theme").addEventListener("click", nextTheme);
  find("wire-toggle").addEventListener("click", toggleWire);
  find("new-chat").addEventListener(
    "click",
    () =>
      state.me &&
      chooseChat(state, {
        bot: async (app) => lead(await doing("start-bot", { app })),
        ask,
        post: (name) => doing("new-post", { name }),
      }),
  );
  find("back").addEventListener("click", closeChat);
  keepEnd();
  find("earlier").addEventListener("click", fetchEarlier);
  find("composer").addEventListener("submit", write);
  find("text").addEventListener("input", fit);
  find("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) write(event);
  });
  find("chats").addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") step(event, find("chats"));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector("dialog[open], [popover]:popover-open")) return;
    if (visit.isOpen()) visit.close();
    else if (!find("wire").hidden && !wide.matches) toggleWire();
    else if (state.chat && matchMedia("(max-width: 759px)").matches) closeChat();
  });
  addEventListener("hashchange", () => {
    fromAddress();
    refresh();
  });
  menus.setUp(() => ({ ...state, chat: chatOf(state.chat) }), {
    doing,
    lead,
    become(name) {
      become(name);
      refresh();
    },
  });
  compose.setUp(() => ({ me: state.me, chat: state.chat, people: state.overview.people }));
  visit.setUp();
}

function wireWasOpen() {
  try {
    return (localStorage.getItem("kenar.wire") ?? "open") === "open";
  } catch {
    return true;
  }
}

/** Matches windows with room for the panel beside the chat. Otherwise it covers the chat, and opens only on demand. */
const wide = matchMedia("(min-width: 1100px)");
const showWire = () => {
  find("wire").hidden = !(wide.matches && wireWasOpen());
};
showWire();
wide.addEventListener("change", () => {
  showWire();
  names();
});
names();
wire.build();
listen();
fromAddress();
server.live(refresh, (connected) => {
  const isBack = connected && !find("offline").hidden;
  find("offline").hidden = connected;
  if (isBack) forget();
});
