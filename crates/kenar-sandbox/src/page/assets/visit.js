// The pages of add-ons, in a frame over the chat, and the return to the chat.

import { find, label, make, toast } from "./dom.js";
import { outward, page } from "./bubble.js";
import { t } from "./words.js";

/** The origin of the URL to which add-ons return their users. */
const COMPLETION = "https://open-platform-redirect.divar.ir";

/** Matches a policy that allows the return URL: the wider of the page's two policies. */
const isWider = (policy) => policy.includes(COMPLETION);

let opener = null;
let address = null;

export const isOpen = () => !find("visit").hidden;

/** Shows a page in the frame if it is on this machine, and as a link otherwise. */
export function open(link, title) {
  const url = page(link);
  if (!url) return toast(t("not_a_page"), "bad");
  if (url.origin === COMPLETION) return toast(t("returned"));
  opener ??= document.activeElement;
  address = url;
  find("visit-name").textContent = title ?? "";
  find("visit-address").textContent = url.host;
  find("visit-notice").hidden = true;
  find("visit").hidden = false;
  find("open-chat").inert = true;
  if (isOfThisMachine(url)) load();
  else outside(url);
  find("visit-back").focus();
}

const isOfThisMachine = ({ protocol, hostname }) =>
  protocol === "http:" && ["127.0.0.1", "localhost"].includes(hostname);

function load() {
  const frame = make("iframe", {
    title: t("visit"),
    // The frame keeps its origin, but cannot navigate the top page.
    sandbox:
      "allow-scripts allow-forms allow-same-origin allow-popups allow-popups-to-escape-sandbox allow-modals allow-downloads",
    referrerPolicy: "no-referrer",
    class: "loading",
    src: address.href,
  });
  frame.addEventListener("load", () => frame.classList.remove("loading"));
  find("visit-frame").replaceChildren(frame);
}

function outside(url) {
  find("visit-frame").replaceChildren(
    make(
      "div",
      { class: "nothing" },
      make("h2", {}, t("outside")),
      make("p", {}, t("outside_hint")),
      make("p", { class: "address", dir: "ltr" }, url.href),
      outward(url.href, t("open_tab"), "button primary"),
    ),
  );
}

export function close() {
  if (!isOpen()) return;
  find("visit-frame").replaceChildren();
  find("visit").hidden = true;
  find("open-chat").inert = false;
  (opener?.isConnected && opener.offsetParent ? opener : find("text")).focus();
  opener = null;
}

/** Handles a blocked navigation of the frame: a return to Divar, or any other page. */
function left(to) {
  if (!isOpen()) return;
  if (to === null) {
    close();
    toast(t("returned"), "good");
    return;
  }
  const notice = find("visit-notice");
  notice.hidden = false;
  notice.replaceChildren(make("span", {}, t("leaves")), " ", to ? outward(to, to, "link") : "");
}

/** Updates the labels after a change of language. */
export function translate() {
  label(find("visit-back"), "back", t("back_to_chat"), t("back_to_chat"));
  label(find("visit-reload"), "refresh", t("reload"));
}

export function setUp() {
  find("visit-back").addEventListener("click", close);
  find("visit-reload").addEventListener("click", () => address && isOfThisMachine(address) && load());

  // A blocked navigation violates the narrower of two policies, or both. The return to Divar violates only the narrower
  // one. The blocked URL is not used, since not every browser reports where a redirect led.
  let violated = [];
  document.addEventListener("securitypolicyviolation", (event) => {
    if (event.effectiveDirective !== "frame-src") return;
    violated.push(event);
    if (violated.length > 1) return;
    setTimeout(() => {
      const elsewhere = violated.find(({ originalPolicy }) => isWider(originalPolicy));
      left(elsewhere ? elsewhere.blockedURI : null);
      violated = [];
    }, 50);
  });
}
