// The menus: people, add-ons, and more actions on a conversation.

import { avatar, copy, find, icon, make, menu, toast } from "./dom.js";
import { t } from "./words.js";

/**
 * Sets up the menus. `now` returns `{ me, overview, chat }`, where `chat` is the open conversation. `acts` are functions of
 * the page: `become`, `doing`, which shows an error, and `lead`, which shows the result of an act.
 */
export function setUp(now, acts) {
  menu(find("people"), () => people(now(), acts));
  menu(find("addons"), () => addons(now(), acts));
  menu(find("more"), () => more(now(), acts));
}

const menuItem = (picture, text, does, more = {}) =>
  make(
    "button",
    {
      type: "button",
      class: "menu-item",
      onclick: ({ currentTarget }) => {
        currentTarget.closest("[popover]").hidePopover();
        does();
      },
      ...more,
    },
    picture,
    make("span", { class: "menu-text" }, ...[text].flat()),
  );

function people({ me, overview }, { become, doing }) {
  const known = (overview?.people ?? []).map(({ name, phone }) =>
    menuItem(avatar(name), [make("bdi", {}, name), make("small", { dir: "ltr" }, phone)], () => become(name), {
      "aria-current": name === me && "true",
      "data-person": name,
    }),
  );
  const name = make("input", {
    class: "field",
    maxLength: 40,
    placeholder: t("new_person"),
    "aria-label": t("new_person"),
    dir: "auto",
    required: true,
  });
  const form = make(
    "form",
    { class: "menu-form" },
    name,
    make("button", { type: "submit", class: "button" }, t("add")),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { error } = await doing("new-person", { name: name.value });
    if (error) return;
    find("people").hidePopover();
    become(name.value.trim());
  });
  return [make("p", { class: "menu-title" }, t("who")), ...known, form];
}

function addons({ overview, chat }, { doing, lead }) {
  const apps = (overview?.apps ?? []).filter((app) => app.opens || app.chats);
  const items = apps.flatMap((app) => [
    app.opens &&
      menuItem(
        avatar(app.title, "addon"),
        [make("bdi", {}, app.title), make("small", {}, t("opens_here"))],
        async () => lead(await doing("open", { chat: chat.id, app: app.slug }), app.title),
        { "data-app": app.slug },
      ),
    app.chats &&
      !chat.bot &&
      menuItem(
        avatar(app.title, "bot"),
        [make("bdi", {}, app.title), make("small", {}, t("start_bot"))],
        async () => lead(await doing("start-bot", { app: app.slug, chat: chat.id })),
        { "data-bot": app.slug },
      ),
  ]);
  return [
    make("p", { class: "menu-title" }, t("addons")),
    ...(items.some(Boolean) ? items : [make("p", { class: "menu-none" }, t("no_addons"))]),
  ];
}

function more({ overview, chat }, { doing, lead }) {
  const revokes = (overview?.apps ?? []).map((app) =>
    menuItem(icon("key"), [t("revoke"), make("small", {}, make("bdi", {}, app.title))], async () => {
      const { error } = await doing("revoke", { app: app.slug });
      if (!error) toast(t("revoked", { name: app.title }));
    }),
  );
  return [
    chat.post &&
      menuItem(icon("post"), t("post_page"), () => lead({ post: chat.post }), { "data-does": "post" }),
    menuItem(icon("copy"), [t("copy_id"), make("small", { dir: "ltr" }, chat.id)], () => copy(chat.id, t("copied"))),
    menuItem(
      icon("block"),
      t(chat.blocked_by_me ? "unblock" : "block"),
      () => doing("block", { chat: chat.id, blocks: !chat.blocked_by_me }),
      { "data-does": "block" },
    ),
    ...revokes,
  ];
}
