// What opens over the page: beginning a conversation, and a post.

import { avatar, dialogue, icon, make } from "./dom.js";
import { t } from "./words.js";

const row = (picture, name, told, does, more = {}) =>
  make(
    "button",
    { type: "button", class: "menu-item", onclick: does, ...more },
    picture,
    make("span", { class: "menu-text" }, make("bdi", {}, name), told && make("small", {}, told)),
  );

/** Who to talk to. */
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
        owner,
        t("post", { token }),
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

/** A post, or where it is managed. The sandbox knows no more of it than whose it is. */
export function showPost({ post: token, manage }, { me, overview }, ask) {
  const owner = overview.posts.find((post) => post.token === token)?.owner;
  const go = make(
    "button",
    {
      type: "button",
      class: "button primary",
      onclick: () => {
        dialog.close();
        ask(token);
      },
    },
    icon("chat"),
    t("ask_about"),
  );
  const dialog = dialogue(
    t(manage ? "post_manage" : "post_page"),
    t("close"),
    make("div", { class: "post-picture" }, icon(manage ? "edit" : "image")),
    make(
      "dl",
      { class: "facts" },
      make("dt", {}, t("post", { token: "" })),
      make("dd", { dir: "ltr" }, token),
      owner && make("dt", {}, t("owner")),
      owner && make("dd", {}, make("bdi", {}, owner)),
    ),
    !owner && make("p", { class: "menu-none" }, t("unknown_post")),
    owner && owner !== me && !manage && make("div", { class: "dialogue-foot" }, go),
  );
}
