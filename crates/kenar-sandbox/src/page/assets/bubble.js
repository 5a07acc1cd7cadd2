// Messages in the chat, with their author and buttons.

import { avatar, icon, label, make } from "./dom.js";
import { duration, number, size, t, time } from "./words.js";

/** The page's icons for Divar's icon names, by parts of the names. */
const PICTURES = [
  [/SEND/, "send"],
  [/CHECK|VERIFIED|THUMB_UP/, "check"],
  [/CLOSE|CANCEL|REMOVE|BLOCK/, "close"],
  [/CHATBOT/, "bot"],
  [/CHAT|SMS|MESSAGE/, "chat"],
  [/SHIPPING|TRUCK|TRANSPORT|MOPED|CAR/, "truck"],
  [/PAY|MONEY|WALLET|CREDIT|TOMAN|BANK/, "card"],
  [/CALL|PHONE|MOBILE/, "phone"],
  [/TIME|CLOCK|WATCH|HISTORY/, "clock"],
  [/CALENDAR|EVENT/, "calendar"],
  [/STAR|BOOKMARK|HEART/, "star"],
  [/PLACE|MAP|PIN/, "pin"],
  [/PERSON|BADGE|ACCOUNT/, "person"],
  [/EDIT|NOTE|SETTINGS/, "edit"],
  [/TRASH|DELETE/, "trash"],
  [/HOME|HOUSE|APARTMENT|STORE/, "home"],
  [/GIFT/, "gift"],
  [/IMAGE|PHOTO|CAMERA|VIDEO/, "image"],
  [/FILE|ARTICLE|DOC|TERMS/, "file"],
  [/LINK|LAUNCH|SHARE/, "link"],
  [/REFRESH|EXCHANGE/, "refresh"],
  [/ADD/, "plus"],
  [/PUZZLE/, "addon"],
  [/INFO|HELP|WARNING/, "info"],
  [/LOCK|PASSKEY/, "key"],
];

const ACTIONS = {
  open_direct_link: "external",
  open_server_link: "window",
  get_dynamic_action: "bolt",
  open_post_page: "post",
  open_post_manage_page: "edit",
};

/** Summarises a message in one line, for the list of conversations. */
export function summary({ message, mine }) {
  const { type } = message;
  const said =
    type === "TEXT"
      ? (message.text ?? "")
      : t(
          { IMAGE: "image", VIDEO: "video", VOICE: "voice", FILE: "file", LOCATION: "location", CONTACT: "contact" }[
            type
          ] ?? "unknown_message",
          { kind: type },
        );
  return mine ? `${t("you")}: ${said}` : said;
}

export const sentAt = (bubble) => new Date(bubble.message.sent_at ?? 0);

/** Creates a message. `press` is called with the row, the column, the pressed button and its element. */
export function bubble(shown, { follows, press }) {
  const { message, mine, app_title: app } = shown;
  const kind = (message.type ?? "unknown").toLowerCase();
  const said = content(message);
  const at = make("time", { class: "at", dateTime: message.sent_at ?? "" }, time(sentAt(shown)));
  const isText = said.matches(".text");
  if (isText) said.append(at); // on the last line, where there is room
  const body = make("div", { class: `bubble ${kind}` }, app && byline(shown), said, !isText && at);
  if (shown.buttons.length) body.append(grid(shown.buttons, press));
  const classes = ["message", mine ? "mine" : "theirs", follows && "follows", app && "of-app"].filter(Boolean);
  return make("li", { class: classes.join(" ") }, body);
}

function byline({ app_title: app, person, mine }) {
  const named = person && t(mine ? "for_you" : "in_name_of", { name: person });
  return make(
    "div",
    { class: "byline" },
    icon(person ? "addon" : "bot"),
    make("strong", { dir: "auto" }, app),
    named && make("span", {}, named),
  );
}

function content(message) {
  switch (message.type) {
    case "TEXT":
      return text(message.text ?? "");
    case "IMAGE":
      return picture(message.image_data ?? {});
    case "VIDEO":
      return film(message.video_data ?? {});
    case "VOICE":
      return recording(message.voice_data ?? {});
    case "FILE":
      return file(message.file_data ?? {});
    case "LOCATION":
      return place(message.location_data);
    case "CONTACT":
      return contact(message.contact_data ?? {});
    default:
      return make(
        "p",
        { class: "text unknown" },
        t("unknown_message", { kind: message.type ?? "?" }),
        message.text && make("br"),
        message.text ?? "",
      );
  }
}

/** Creates a text with its URLs as links. */
function text(said) {
  const paragraph = make("p", { class: "text", dir: "auto" });
  const address = /https?:\/\/[^\s<>"'«»]+[^\s<>"'«».,;:!?؟،؛)]/g;
  let end = 0;
  for (const match of said.matchAll(address)) {
    paragraph.append(said.slice(end, match.index), page(match[0]) ? outward(match[0], match[0], "") : match[0]);
    end = match.index + match[0].length;
  }
  paragraph.append(said.slice(end));
  const few = [...said.trim()].length;
  if (few > 0 && few <= 6 && /^[\p{Extended_Pictographic}\p{Emoji_Modifier}\u200d\ufe0f\s]+$/u.test(said))
    paragraph.classList.add("large");
  return paragraph;
}

/** The parsed URL, if it is http or https. */
export function page(address) {
  const url = URL.parse?.(address) ?? tryUrl(address);
  return url && (url.protocol === "http:" || url.protocol === "https:") ? url : null;
}

function tryUrl(address) {
  try {
    return new URL(address);
  } catch {
    return null;
  }
}

export function outward(address, caption, className = "button") {
  return make(
    "a",
    { class: className, href: page(address)?.href, target: "_blank", rel: "noopener noreferrer", dir: "auto" },
    caption,
  );
}

/** The link to a media file, if it is on this origin: the page loads nothing from elsewhere. */
const own = (link) => (page(link ?? "")?.origin === location.origin ? link : null);

function missing(link) {
  const outside = page(link ?? "");
  return make("p", { class: "text missing" }, icon("info"), outside ? outward(link, t("elsewhere"), "") : t("gone"));
}

function picture({ link, width_px: width, height_px: height }) {
  if (!own(link)) return missing(link);
  const image = make("img", { src: link, alt: t("image") });
  if (width && height) [image.width, image.height] = [Number(width), Number(height)];
  image.addEventListener("error", () => anchor.replaceWith(missing()));
  const anchor = make("a", { class: "picture", href: link, target: "_blank", rel: "noopener" }, image);
  return anchor;
}

function film({ link }) {
  if (!own(link)) return missing(link);
  return make("video", { class: "film", src: link, controls: true, preload: "metadata", "aria-label": t("video") });
}

function recording({ link, size_bytes: bytes }) {
  if (!own(link)) return missing(link);
  return player(link, bytes);
}

/** Creates an audio player with a button and a seek bar. */
export function player(link, bytes) {
  const audio = make("audio", { src: link, preload: "metadata" });
  const button = make("button", { type: "button", class: "play" });
  const line = make("input", {
    type: "range",
    min: 0,
    max: 1000,
    value: 0,
    class: "seek",
    dir: "ltr",
    "aria-label": t("voice"),
  });
  const told = make("span", { class: "told" }, bytes ? size(Number(bytes)) : "");
  const show = () => label(button, audio.paused ? "play" : "pause", t(audio.paused ? "play" : "pause"));
  show();
  button.addEventListener("click", () => (audio.paused ? audio.play().catch(() => {}) : audio.pause()));
  for (const event of ["play", "pause", "ended"]) audio.addEventListener(event, show);
  audio.addEventListener("timeupdate", () => {
    if (Number.isFinite(audio.duration)) line.value = String((audio.currentTime / audio.duration) * 1000);
    told.textContent = duration(audio.currentTime);
  });
  audio.addEventListener("loadedmetadata", () => {
    if (Number.isFinite(audio.duration)) told.textContent = duration(audio.duration);
  });
  line.addEventListener("input", () => {
    if (Number.isFinite(audio.duration)) audio.currentTime = (Number(line.value) / 1000) * audio.duration;
  });
  return make("div", { class: "recording" }, audio, button, line, told);
}

function file({ link, name, size_bytes: bytes }) {
  const told = make("span", { class: "told" }, bytes ? size(Number(bytes)) : "");
  const card = make(
    own(link) ? "a" : "div",
    { class: "card" },
    make("span", { class: "card-icon" }, icon("file")),
    make("span", { class: "card-text" }, make("strong", { dir: "auto" }, name || t("file")), told),
  );
  if (own(link)) {
    card.href = link;
    card.download = name ?? "";
  }
  return card;
}

/** Creates a location without a map, since the page loads nothing from elsewhere. */
export function place(at) {
  if (!at) return make("p", { class: "text missing" }, icon("info"), t("gone"));
  const { latitude, longitude } = at;
  const shown = [latitude, longitude].map((degrees) => number(degrees, { maximumFractionDigits: 5 })).join(t("comma"));
  const [north, east] = [latitude, longitude].map(encodeURIComponent);
  const address = `https://www.openstreetmap.org/?mlat=${north}&mlon=${east}#map=15/${north}/${east}`;
  return make(
    "div",
    { class: "place" },
    make("div", { class: "map", "aria-hidden": "true" }, icon("pin")),
    make(
      "div",
      { class: "place-text" },
      make("span", { class: "coordinates" }, shown),
      outward(address, t("open_map"), "link"),
    ),
  );
}

function contact({ name, phone }) {
  return make(
    "div",
    { class: "card" },
    avatar(name || phone || "?"),
    make(
      "span",
      { class: "card-text" },
      make("strong", { dir: "auto" }, name || t("contact")),
      make("span", { class: "told", dir: "ltr" }, phone ?? ""),
    ),
  );
}

function grid(rows, press) {
  return make(
    "div",
    { class: "grid", role: "group" },
    rows.map((row, at) =>
      make(
        "div",
        { class: "row" },
        row.map((button, column) => pressable(button, () => press(at, column, button), row.length)),
      ),
    ),
  );
}

function pressable({ caption, icon: picture, action, href }, press, among) {
  const drawn = picture && (PICTURES.find(([name]) => name.test(picture))?.[1] ?? "spark");
  const dead = action === "open_direct_link" && !href;
  const name = `${t(action)}${picture ? ` · ${picture}` : ""}`;
  return make(
    "button",
    {
      type: "button",
      class: `press among-${among}`,
      title: dead ? t("not_a_page") : name,
      disabled: dead,
      "data-action": action,
      async onclick({ currentTarget }) {
        currentTarget.setAttribute("aria-busy", "true");
        try {
          await press();
        } finally {
          currentTarget.removeAttribute("aria-busy");
        }
      },
    },
    drawn && icon(drawn),
    make("span", { class: "caption", dir: "auto" }, caption),
    icon(ACTIONS[action] ?? "bolt", "hint"),
  );
}
