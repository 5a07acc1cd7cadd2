// Dialogs: a new conversation, and a post.

import { avatar, dialogue, icon, make } from "./dom.js";
import { t } from "./words.js";

const row = (picture, name, told, does, more = {}) =>
  make(
    "button",
    { type: "button", class: "menu-item", onclick: does, ...more },
    picture,
    make("span", { class: "menu-text" }, make("bdi", {}, name), told && make("small", {}, told)),
  );

/** The title of a post. */
export function postTitle({ posts }, token) {
  const post = posts.find((known) => known.token === token);
  return post?.title ?? (post ? t("post_of", { name: post.owner }) : t("post", { token }));
}

/** Opens the dialog for a new conversation. */
export function chooseChat({ me, overview }, { bot, ask, post }) {
  const go = (does) => () => {
    dialog.close();
    does();
  };
  const bots = overview.apps
    .filter((app) => app.chats)
    .map((app) =>
      row(
        avatar(app.title, "bot"),
        app.title,
        t("bot"),
        go(() => bot(app.slug)),
        { "data-bot": app.slug },
      ),
    );
  const posts = overview.posts
    .filter(({ owner }) => owner !== me)
    .map(({ token, owner }) =>
      row(
        avatar(owner),
        postTitle(overview, token),
        t("of_owner", { name: owner }),
        go(() => ask(token)),
        { "data-post": token },
      ),
    );
  const owners = overview.people
    .filter(({ name }) => name !== me)
    .map(({ name }) =>
      make(
        "button",
        {
          type: "button",
          class: "chip",
          onclick: go(async () => {
            const made = await post(name);
            if (made.post) ask(made.post);
          }),
        },
        icon("plus"),
        t("new_post", { name }),
      ),
    );
  const dialog = dialogue(
    t("new_chat"),
    t("close"),
    make("h3", { class: "dialogue-part" }, t("with_bots")),
    ...(bots.length ? bots : [make("p", { class: "menu-none" }, t("no_bots"))]),
    make("h3", { class: "dialogue-part" }, t("about_posts")),
    ...(posts.length ? posts : [make("p", { class: "menu-none" }, t("no_posts"))]),
    make("div", { class: "chips" }, owners),
  );
}

/** Opens the dialog of a post or its management page, with the add-ons that can be opened there. */
export function showPost({ post: token, manage }, { me, overview }, { ask, open, link }) {
  const owner = overview.posts.find((post) => post.token === token)?.owner;
  const leave = (does) => () => {
    dialog.close();
    does();
  };
  const go = make(
    "button",
    {
      type: "button",
      class: "button primary",
      onclick: leave(() => ask(token)),
    },
    icon("chat"),
    t("ask_about"),
  );
  const touchPoints = overview.apps.flatMap((app) => [
    app.opens &&
      row(avatar(app.title, "addon"), app.title, t("opens_on_post"), leave(() => open(app, token)), {
        "data-open": app.slug,
      }),
    app.links &&
      row(avatar(app.title, "link"), app.title, t("direct_link"), leave(() => link(app, token)), {
        "data-link": app.slug,
      }),
  ]);
  const dialog = dialogue(
    t(manage ? "post_manage" : "post_page"),
    t("close"),
    make("div", { class: "post-picture" }, icon(manage ? "edit" : "image")),
    owner && make("h3", { class: "post-title" }, make("bdi", {}, postTitle(overview, token))),
    make(
      "dl",
      { class: "facts" },
      make("dt", {}, t("token")),
      make("dd", { dir: "ltr" }, token),
      owner && make("dt", {}, t("owner")),
      owner && make("dd", {}, make("bdi", {}, owner)),
    ),
    !owner && make("p", { class: "menu-none" }, t("unknown_post")),
    ...(owner ? touchPoints : []),
    owner && owner !== me && !manage && make("div", { class: "dialogue-foot" }, go),
  );
}
