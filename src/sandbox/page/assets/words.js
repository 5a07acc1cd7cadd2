// The page's words in two languages, and numbers and times as each writes them.

const WORDS = {
  fa: {
    comma: "، ",
    brand: "چت کنار",
    sandbox: "سندباکس",
    chats: "گفت‌وگوها",
    messages: "پیام‌ها",
    wire: "روی سیم",
    visit: "صفحهٔ افزونه",
    language: "English",
    language_short: "EN",
    theme_auto: "پوسته: مانند سیستم",
    theme_light: "پوسته: روشن",
    theme_dark: "پوسته: تیره",
    show_wire: "درخواست‌ها و پاسخ‌ها",
    offline: "سندباکس در دسترس نیست. دوباره تلاش می‌شود…",
    you_are: "شما {name} هستید. عوض کردن",
    who: "چه کسی هستید؟",
    new_person: "نفر تازه",
    add: "افزودن",
    no_chat: "یک گفت‌وگو را انتخاب کنید",
    no_chat_hint: "این‌جا سمت دیوار است: پیام بنویسید، دکمه‌ها را بزنید و افزونه‌تان را باز کنید.",
    no_chats: "{name} هنوز گفت‌وگویی ندارد.",
    nobody: "هنوز کسی در سندباکس نیست. با نام خود شروع کنید.",
    new_chat: "گفت‌وگوی تازه",
    with_bots: "با چت‌بات",
    about_posts: "دربارهٔ آگهی دیگران",
    no_bots: "هیچ افزونه‌ای نشانی رویداد ندارد.",
    no_posts: "کس دیگری آگهی ندارد.",
    new_post: "آگهی تازه برای {name}",
    post: "آگهی {token}",
    post_of: "آگهی {token} از {name}",
    seller: "شما فروشنده‌اید",
    buyer: "شما خریدارید",
    bot: "چت‌بات",
    addons: "افزونه‌ها",
    no_addons: "هیچ افزونه‌ای نشانی باز شدن ندارد.",
    opens_here: "در این گفت‌وگو باز می‌شود",
    start_bot: "گفت‌وگو با چت‌بات",
    revoke: "پس گرفتن اجازه‌ها",
    revoked: "اجازه‌های {name} پس گرفته شد.",
    more: "بیشتر",
    block: "مسدود کردن طرف مقابل",
    unblock: "رفع مسدودی",
    copy_id: "رونوشت شناسهٔ گفت‌وگو",
    copied: "رونوشت برداشته شد.",
    blocked_by_me: "طرف مقابل را مسدود کرده‌اید؛ پیامی رد و بدل نمی‌شود.",
    blocked_by_other: "طرف مقابل شما را مسدود کرده است.",
    earlier: "پیام‌های پیش‌تر",
    no_messages: "بدون پیام",
    silence: "هنوز پیامی نیست. سلام کنید!",
    silence_bot: "برای شروع، چیزی برای چت‌بات بنویسید.",
    write: "پیام بنویسید…",
    send: "فرستادن",
    attach: "فرستادن چیز دیگر",
    back: "بازگشت به فهرست",
    close: "بستن",
    cancel: "انصراف",
    image: "عکس یا ویدیو",
    voice: "صدا",
    file: "فایل",
    location: "موقعیت مکانی",
    contact: "مخاطب",
    video: "ویدیو",
    choose: "انتخاب فایل",
    sample: "نمونه بساز",
    record: "ضبط صدا",
    stop: "پایان ضبط",
    no_microphone: "میکروفون در دسترس نیست.",
    latitude: "عرض جغرافیایی",
    longitude: "طول جغرافیایی",
    name: "نام",
    phone: "تلفن",
    open_map: "باز کردن در نقشه",
    download: "دریافت",
    play: "پخش",
    pause: "مکث",
    gone: "رسانه در دسترس نیست",
    elsewhere: "رسانه جای دیگری است",
    unknown_message: "پیامی از نوع {kind}",
    for_you: "از طرف شما",
    in_name_of: "از طرف {name}",
    today: "امروز",
    yesterday: "دیروز",
    you: "شما",
    open_direct_link: "لینک مستقیم",
    open_server_link: "افزونه را باز می‌کند",
    get_dynamic_action: "از افزونه می‌پرسد چه کند",
    open_post_page: "صفحهٔ آگهی",
    open_post_manage_page: "مدیریت آگهی",
    not_a_page: "این نشانی http یا https نیست، پس باز نمی‌شود.",
    back_to_chat: "بازگشت به گفت‌وگو",
    reload: "بارگذاری دوباره",
    returned: "افزونه شما را به گفت‌وگو برگرداند.",
    leaves: "افزونه می‌خواهد به جایی بیرون از این رایانه برود، که قاب آن را باز نمی‌کند:",
    outside: "این صفحه بیرون از این رایانه است",
    outside_hint: "قاب فقط صفحه‌های همین رایانه را نشان می‌دهد. می‌توانید آن را در برگهٔ دیگری باز کنید.",
    open_tab: "باز کردن در برگهٔ تازه",
    post_page: "صفحهٔ آگهی",
    post_manage: "مدیریت آگهی",
    owner: "صاحب آگهی",
    ask_about: "گفت‌وگو با صاحب آگهی",
    unknown_post: "آگهی در سندباکس نیست.",
    wire_all: "همه",
    wire_failed: "ناموفق",
    wire_out: "به افزونه",
    wire_in: "به کنار",
    wire_empty: "هنوز چیزی رد و بدل نشده است.",
    wire_clear: "پاک کردن نما",
    request: "درخواست",
    response: "پاسخ",
    no_answer: "بی‌پاسخ",
    no_body: "(بدنه ندارد)",
    copy_curl: "رونوشت curl",
    redeliver: "فرستادن دوباره",
    redelivered: "رویداد دوباره فرستاده شد.",
    failed_event: "افزونه رویداد را درست پاسخ نداد: {why}",
    to_add_on: "کنار به افزونه",
    to_kenar: "افزونه به کنار",
    resize: "اندازهٔ ستون",
  },
  en: {
    comma: ", ",
    brand: "Kenar chat",
    sandbox: "sandbox",
    chats: "Conversations",
    messages: "Messages",
    wire: "On the wire",
    visit: "The add-on's page",
    language: "فارسی",
    language_short: "فا",
    theme_auto: "Theme: as the system",
    theme_light: "Theme: light",
    theme_dark: "Theme: dark",
    show_wire: "Requests and answers",
    offline: "The sandbox cannot be reached. Trying again…",
    you_are: "You are {name}. Change",
    who: "Who are you?",
    new_person: "Someone new",
    add: "Add",
    no_chat: "Choose a conversation",
    no_chat_hint: "This is Divar's side: write, press buttons and open your add-on.",
    no_chats: "{name} has no conversation yet.",
    nobody: "Nobody is in the sandbox yet. Begin with your own name.",
    new_chat: "New conversation",
    with_bots: "With a chatbot",
    about_posts: "About someone's post",
    no_bots: "No add-on has an address for events.",
    no_posts: "Nobody else has a post.",
    new_post: "A new post of {name}'s",
    post: "Post {token}",
    post_of: "Post {token} of {name}'s",
    seller: "You are the seller",
    buyer: "You are the buyer",
    bot: "Chatbot",
    addons: "Add-ons",
    no_addons: "No add-on has an address to be opened at.",
    opens_here: "Opens in this conversation",
    start_bot: "Chat with its chatbot",
    revoke: "Take permissions back",
    revoked: "{name} has no permissions any more.",
    more: "More",
    block: "Block the other side",
    unblock: "Unblock",
    copy_id: "Copy the conversation's id",
    copied: "Copied.",
    blocked_by_me: "You blocked the other side; nobody can write here.",
    blocked_by_other: "The other side blocked you.",
    earlier: "Earlier messages",
    no_messages: "No messages",
    silence: "Nothing was said yet. Say hello!",
    silence_bot: "Write something to the chatbot to begin.",
    write: "Write a message…",
    send: "Send",
    attach: "Send something else",
    back: "Back to the list",
    close: "Close",
    cancel: "Cancel",
    image: "Photo or video",
    voice: "Voice",
    file: "File",
    location: "Location",
    contact: "Contact",
    video: "Video",
    choose: "Choose a file",
    sample: "Make a sample",
    record: "Record",
    stop: "Stop recording",
    no_microphone: "There is no microphone to use.",
    latitude: "Latitude",
    longitude: "Longitude",
    name: "Name",
    phone: "Phone",
    open_map: "Open in a map",
    download: "Download",
    play: "Play",
    pause: "Pause",
    gone: "The medium is not there",
    elsewhere: "The medium is elsewhere",
    unknown_message: "A message of the kind {kind}",
    for_you: "in your name",
    in_name_of: "in {name}’s name",
    today: "Today",
    yesterday: "Yesterday",
    you: "You",
    open_direct_link: "Direct link",
    open_server_link: "Opens the add-on",
    get_dynamic_action: "Asks the add-on what to do",
    open_post_page: "The post's page",
    open_post_manage_page: "Managing the post",
    not_a_page: "This address is neither http nor https, so it is not opened.",
    back_to_chat: "Back to the chat",
    reload: "Reload",
    returned: "The add-on brought you back to the chat.",
    leaves: "The add-on wants to go somewhere outside of this machine, where the frame does not go:",
    outside: "This page is outside of this machine",
    outside_hint: "The frame shows pages of this machine only. You can open it in another tab.",
    open_tab: "Open in a new tab",
    post_page: "The post's page",
    post_manage: "Managing the post",
    owner: "Owner",
    ask_about: "Chat with the owner",
    unknown_post: "The sandbox has no such post.",
    wire_all: "All",
    wire_failed: "Failed",
    wire_out: "To the add-on",
    wire_in: "To Kenar",
    wire_empty: "Nothing went over the wire yet.",
    wire_clear: "Clear the view",
    request: "Request",
    response: "Answer",
    no_answer: "no answer",
    no_body: "(no body)",
    copy_curl: "Copy as curl",
    redeliver: "Deliver again",
    redelivered: "The event was delivered again.",
    failed_event: "The add-on did not take an event: {why}",
    to_add_on: "Kenar to the add-on",
    to_kenar: "The add-on to Kenar",
    resize: "Column width",
  },
};

export const language = () => (document.documentElement.lang === "en" ? "en" : "fa");

/** A text of the page's, with `{…}` filled in. Names are kept apart from the direction of what is around them. */
export function t(key, values = {}) {
  const text = WORDS[language()][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => `\u2068${values[name] ?? ""}\u2069`);
}

const locale = () => (language() === "fa" ? "fa-IR" : "en-GB");

export const number = (value, options) => new Intl.NumberFormat(locale(), options).format(value);

export const time = (date) => new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit" }).format(date);

export const exactTime = (date) =>
  new Intl.DateTimeFormat("en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
  }).format(date);

/** A day as people call it. */
export function day(date) {
  const midnight = (of) => new Date(of.getFullYear(), of.getMonth(), of.getDate()).getTime();
  const ago = Math.round((midnight(new Date()) - midnight(date)) / 86_400_000);
  if (ago === 0) return t("today");
  if (ago === 1) return t("yesterday");
  return new Intl.DateTimeFormat(locale(), { weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(
    date,
  );
}

export function size(bytes) {
  const units = ["byte", "kilobyte", "megabyte"];
  const step = Math.min(Math.floor(Math.log(Math.max(bytes, 1)) / Math.log(1000)), 2);
  return number(bytes / 1000 ** step, {
    style: "unit",
    unit: units[step],
    unitDisplay: "short",
    maximumFractionDigits: step ? 1 : 0,
  });
}

export function duration(seconds) {
  const whole = Number.isFinite(seconds) ? Math.round(seconds) : 0;
  return `${number(Math.floor(whole / 60))}:${number(whole % 60, { minimumIntegerDigits: 2 })}`;
}

/** Fills in the texts that stand in the document. */
export function translate() {
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-label]"))
    element.setAttribute("aria-label", t(element.dataset.label));
}

export function switchLanguage() {
  const to = language() === "fa" ? "en" : "fa";
  document.documentElement.lang = to;
  document.documentElement.dir = to === "fa" ? "rtl" : "ltr";
  remember("language", to);
}

export function remember(name, value) {
  try {
    localStorage.setItem(`kenar.${name}`, value);
  } catch {
    // Storage is switched off in this browser: it is chosen anew each time.
  }
}
