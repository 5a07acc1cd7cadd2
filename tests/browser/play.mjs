// Clicks through the chat page as a person would, and asserts on what it shows.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";

const { CHROMIUM, PAGE, SHOTS } = process.env;
const ORIGIN = new URL(PAGE).origin;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-ui-for-media-stream",
  "--use-fake-device-for-media-stream",
];

const LOOKS = [
  { language: "fa", theme: "light", width: 1440, height: 900 },
  { language: "fa", theme: "dark", width: 360, height: 740 },
  { language: "en", theme: "dark", width: 1440, height: 900 },
  { language: "en", theme: "light", width: 360, height: 740 },
];

const WORDS = {
  fa: { chats: "گفت‌وگوها", said: "گفتید: ", returned: "برگرداند", seller: "شما فروشنده هستید" },
  en: { chats: "Conversations", said: "گفتید: ", returned: "brought you back", seller: "You are the seller" },
};

/** The browser's message when it keeps the frame from leaving for Divar, by which the page notices. */
const WAY_BACK = /^Framing 'https:\/\/open-platform-redirect\.divar\.ir\/' violates/;

async function until(page, wait) {
  let deadline = Date.now() + 10_000;
  while (!(await wait())) {
    if (Date.now() > deadline) throw new Error(`not within ten seconds: ${wait}`);
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
}

class Player {
  constructor(page, look) {
    Object.assign(this, { page, look, words: WORDS[look.language], narrow: look.width < 760 });
  }

  name = () => `${this.look.language}-${this.look.theme}-${this.look.width}`;

  async shot(what) {
    await this.page.evaluate(() =>
      Promise.all(
        document
          .getAnimations()
          .filter((a) => a.effect.getTiming().iterations !== Infinity)
          .map((a) => a.finished.catch(() => {})),
      ),
    );
    await this.page.screenshot({ path: `${SHOTS}/${this.name()}-${what}.png` });
  }

  async become(person) {
    await this.page.locator("#me").click();
    await this.page.locator(`[data-person="${person}"]`).click();
    await this.page.locator("#me bdi", { hasText: person }).waitFor();
  }

  async list() {
    if (this.narrow && (await this.page.locator("#back").isVisible())) await this.page.locator("#back").click();
  }

  async openChat(title) {
    await this.list();
    await this.page.locator(".chat-item", { has: this.page.locator("strong", { hasText: title }) }).click();
    await this.page.locator("#chat-title h2", { hasText: title }).waitFor();
  }

  async write(text) {
    await this.page.locator("#text").fill(text);
    await this.page.locator("#text").press("Enter");
    await this.page.locator(".message.mine .text", { hasText: text }).last().waitFor();
  }

  async openPanel() {
    if (await this.page.locator("#wire").isVisible()) return;
    await this.list();
    await this.page.locator("#wire-toggle").click();
  }

  /** Where it is beside the chat, it stays. */
  async closePanel() {
    const close = this.page.locator(".wire-close");
    if (await close.isVisible()) await close.click();
  }

  last = (selector) => this.page.locator(`.message ${selector}`).last();
  toast = (text) => this.page.locator(".toast", { hasText: text }).last().waitFor();
  frame = () => this.page.frameLocator("#visit-frame iframe");

  async closeVisit() {
    await this.page.locator("#visit-back").click();
    await this.page.locator("#visit").waitFor({ state: "hidden" });
  }

  async noSidewaysScrolling() {
    const over = await this.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.equal(over, 0, `${this.name()}: ${over} pixels too wide`);
  }
}

async function play(browser, look) {
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height },
    colorScheme: look.theme,
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error" && !WAY_BACK.test(message.text())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (/^https?:$/.test(protocol) && hostname !== "127.0.0.1")
      complaints.push(`left the machine for ${request.url()}`);
  });

  const player = new Player(page, look);
  await page.goto(PAGE);
  await page.locator(".chat-item").first().waitFor();
  assert.equal(await page.evaluate("document.documentElement.dir"), "rtl", "Persian comes first");
  if (look.language === "en") await page.locator("#language").click();
  await page.locator(".list h1", { hasText: player.words.chats }).waitFor();
  await player.shot("1-list");

  await chat(player);
  await addOn(player);
  await everyButton(player);
  await chatbot(player);
  await panel(player);
  await faults(player);
  await session(player);
  await touchPoints(player);
  await keyboard(player);

  assert.deepEqual(complaints, [], `${player.name()}: complaints of the browser`);
  await context.close();
}

async function chat(player) {
  const { page } = player;
  await player.become("علی");
  await player.openChat("سارا");
  for (const place of [".chat-item[aria-current]", "#chat-title"]) {
    const shown = (await page.locator(place).textContent()) ?? "";
    assert.ok(shown.includes("دوچرخهٔ شهری"), `no title of the post: ${shown}`);
    assert.doesNotMatch(shown, /[\w-]{8,}/, "a raw token where a title belongs");
  }
  await player.write(`<b>نه</b> <img src=x onerror=alert(1)> ${player.name()}`);
  assert.equal(await page.locator(".message b, .message img[src=x]").count(), 0, "text became markup");
  // What was just written began with Latin letters, and must not leave the caret on the other side.
  const { caret, placeholder } = await page.evaluate(() => {
    const text = document.getElementById("text");
    return { caret: text.matches(":dir(rtl)"), placeholder: document.documentElement.dir === "rtl" };
  });
  assert.equal(caret, placeholder, "the caret stands where the placeholder begins");
  await player.noSidewaysScrolling();
  await player.shot("2-chat");
}

async function addOn(player) {
  const { page } = player;
  const grids = page.locator(".message .grid");
  const before = await grids.count();
  await page.locator("#addons-button").click();
  await page.locator('[data-app="demo"]').waitFor();
  await player.shot("3-addons");
  await page.locator('[data-app="demo"]').click();
  await player.frame().locator("h1").waitFor();
  await player.shot("4-addon");
  await player.frame().locator("button").click();
  const decide = player.frame().locator("[name=decision]");
  await decide.first().waitFor();
  assert.equal(await player.frame().locator("select").isVisible(), false, "the consent page knows who is asked");
  assert.equal(await player.frame().locator(".who strong").textContent(), "علی");
  await player.shot("5-consent");

  await player.frame().locator("[value=deny]").click();
  await player.toast(player.words.returned);
  await page.locator("#visit").waitFor({ state: "hidden" });
  assert.equal(await grids.count(), before, "denied, and yet it wrote");

  await page.locator("#addons-button").click();
  await page.locator('[data-app="demo"]').click();
  await player.frame().locator("button").click();
  await player.frame().locator("[value=allow]").click();
  await page.locator("#visit").waitFor({ state: "hidden" });
  await until(page, async () => (await grids.count()) === before + 1);
  assert.equal(await player.last(".byline strong").textContent(), "افزونهٔ نمونه");
  await player.shot("6-message-with-buttons");
}

async function everyButton(player) {
  const { page } = player;
  const button = (action, at = 0) => page.locator(".message").last().locator(`[data-action=${action}]`).nth(at);

  await button("open_direct_link").click();
  await player.frame().locator("p", { hasText: "با یک دکمه" }).waitFor();
  await player.closeVisit();

  await button("open_server_link").click();
  await player.frame().locator("pre", { hasText: "CHAT_MESSAGE_ACTION" }).waitFor();
  await player.frame().locator("a").click(); // straight back to Divar
  await page.locator("#visit").waitFor({ state: "hidden" });

  await button("get_dynamic_action").click();
  await player.toast("افزونه پاسخ داد");
  await player.shot("7-toast");
  await button("get_dynamic_action", 1).click();
  await player.frame().locator("p", { hasText: "با یک دکمه" }).waitFor();
  await player.closeVisit();

  for (const action of ["open_post_page", "open_post_manage_page"]) {
    await button(action).click();
    await page.locator("dialog .facts").waitFor();
    if (action === "open_post_page") await player.shot("8-post");
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
  }

  // The other side sees its own buttons, without reloading, in another tab.
  const other = await page.context().newPage();
  await other.goto(`${ORIGIN}/chat/#as=سارا`);
  await other.locator(".chat-item", { hasText: "علی" }).click();
  await other.locator(".message .grid").last().waitFor();
  await player.write("زنده است؟");
  await other.locator(".message.theirs .text", { hasText: "زنده است؟" }).last().waitFor();
  assert.ok((await other.locator("#chat-title span").last().textContent()).includes(player.words.seller));
  await other.close();
}

async function chatbot(player) {
  const { page } = player;
  await player.openChat("افزونهٔ نمونه");
  await player.write("سلام ربات");
  await page
    .locator(".message.theirs .text", { hasText: `${player.words.said}سلام ربات` })
    .last()
    .waitFor();

  const attach = async (kind, fill) => {
    const before = await page.locator(".message.theirs").count();
    await page.locator("#attach-button").click();
    await page.locator(`[data-kind=${kind}]`).click();
    await fill?.();
    await page.locator("dialog [type=submit]:enabled").waitFor();
    await player.shot(`9-send-${kind}`);
    await page.locator("dialog [type=submit]").click();
    await page.locator("dialog").waitFor({ state: "detached" });
    await until(page, async () => (await page.locator(".message.theirs").count()) > before);
  };
  await page.locator("#attach-button").click();
  await player.shot("9-attach");
  await page.keyboard.press("Escape");
  for (const kind of ["image", "voice", "file"])
    await attach(kind, () => page.locator(`[data-sample=${kind}]`).click());
  await attach("voice", async () => {
    const record = page.locator("dialog [aria-pressed]");
    await record.click();
    await page.locator("dialog [aria-pressed=true]").waitFor();
    await page.evaluate(() => new Promise((done) => setTimeout(done, 400))); // something to record
    await record.click();
  });
  await attach("location");
  await attach("contact", () => page.locator("dialog .chip").first().click());
  const photos = page.locator(".message .picture img");
  await until(page, async () => (await photos.count()) >= 2);
  await until(page, async () =>
    photos.evaluateAll((all) => all.every((photo) => photo.complete && photo.naturalWidth > 0)),
  );

  await player.write("دکمه");
  await player.last(".grid").waitFor();
  await page.locator(".message").last().locator("[data-action=get_dynamic_action]").first().click();
  await player.toast("افزونه پاسخ داد");
  await player.noSidewaysScrolling();
  await player.shot("10-chatbot");
  await page.evaluate(() => document.querySelector(".message .picture").scrollIntoView());
  await player.shot("11-kinds");
}

async function panel(player) {
  const { page } = player;
  await player.openPanel();
  await page.locator("[data-does=wire_clear]").click();
  const [empty, above] = await page.evaluate(() =>
    ["#no-lines", ".wire .chips"].map((selector) => document.querySelector(selector).getBoundingClientRect().toJSON()),
  );
  assert.ok(empty.top - above.bottom < 24, `an empty panel says so at its top, not ${empty.top - above.bottom} below`);
  await player.shot("12-wire-empty");
  await player.closePanel();
  await player.openChat("افزونهٔ نمونه");
  await player.write("دوباره");
  await page.locator(".message.theirs .text", { hasText: `${player.words.said}دوباره` }).last().waitFor();
  await player.openPanel();
  const line = page.locator(".line", { hasText: "webhook.event" }).first();
  await line.locator("summary").click();
  await line.locator("pre").first().waitFor();
  await player.shot("12-wire");
  await line.locator("[data-does=copy_curl]").click();
  const curl = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(curl, /^curl -X POST 'http:\/\/127\.0\.0\.1:\d+\/kenar\/event'/);
  assert.ok(curl.includes("$KENAR_IDENTIFICATION_KEY"));
  const before = await page.locator(".line").count();
  await line.locator("[data-does=redeliver]").click();
  await until(page, async () => (await page.locator(".line").count()) > before);

  const bare = await page.evaluate(async () =>
    (await (await fetch("journal?after=0")).text()).match(/sandbox-[a-z-]+-\d+-[0-9a-f]{16}/),
  );
  assert.equal(bare, null, "a secret reached the page");
  await player.closePanel();
}

async function faults(player) {
  const { page } = player;
  const switchOn = async (where, what, fill) => {
    await page.locator("[data-does=faults]").click();
    await page.locator("#fault-where").selectOption(where);
    await page.locator("#fault-what").selectOption(what);
    await fill();
    await player.noSidewaysScrolling();
    await player.shot(`13-fault-${what}`);
    await page.locator("dialog [type=submit]").click();
    await page.locator("dialog").waitFor({ state: "detached" });
    await page.locator(".fault", { hasText: where }).waitFor();
  };
  const active = page.locator(".fault");
  await player.openPanel();
  await switchOn("webhook.dynamic_action", "wrong_key", () => page.locator("#fault-always").check());
  await switchOn("bot.send_message", "status", async () => {
    assert.equal(await page.locator("#fault-delay").isVisible(), false, "a status has no delay");
    await page.locator("#fault-status").fill("503");
    await page.locator("#fault-times").fill("1");
  });
  assert.equal(await active.count(), 2);
  await player.noSidewaysScrolling();
  await player.shot("14-faults-on");

  await player.closePanel();
  await player.openChat("افزونهٔ نمونه");
  const button = page.locator(".message .grid").last().locator("[data-action=get_dynamic_action]").first();
  await button.click();
  await page.locator(".toast.bad").last().waitFor();
  await player.shot("15-fault-strikes");
  const before = await page.locator(".message.theirs").count();
  await player.write(`خرابی ${player.name()}`);

  await player.openPanel();
  const line = (operation, status) =>
    page.locator(".line", { hasText: operation }).filter({ has: page.locator(".status", { hasText: status }) });
  await line("bot.send_message", "503").first().waitFor();
  const pressed = line("webhook.dynamic_action", "40").first();
  await pressed.locator("summary").click();
  await pressed.locator(".note", { hasText: "fault: " }).waitFor();
  await until(page, async () => (await active.count()) === 1);
  assert.equal(await active.locator(".name").textContent(), "webhook.dynamic_action", "the other one struck once");
  await player.shot("16-fault-lines");
  await active.locator("[data-does=fault_off]").focus();
  await page.keyboard.press("Enter");
  await until(page, async () => (await active.count()) === 0);
  await until(page, () => page.evaluate(() => document.activeElement.dataset.does === "faults"));
  assert.equal(await page.locator("#faults").isVisible(), false);

  await player.closePanel();
  await player.openChat("افزونهٔ نمونه");
  await page
    .locator(".message.mine .text", { hasText: `خرابی ${player.name()}` })
    .last()
    .waitFor();
  assert.equal(await page.locator(".message.theirs").count(), before, "a message came where the call was refused");
  await button.click();
  await player.toast("افزونه پاسخ داد");
}

async function session(player) {
  const { page } = player;
  const text = `نشست ${player.name()}`;
  await player.write(text);
  await page
    .locator(".message.theirs .text", { hasText: `${player.words.said}${text}` })
    .last()
    .waitFor();
  await player.openPanel();
  const downloading = page.waitForEvent("download");
  await page.locator("[data-does=session_save]").click();
  const download = await downloading;
  assert.equal(download.suggestedFilename(), "kenar-session.json");
  const saved = JSON.parse(await readFile(await download.path(), "utf8"));
  assert.equal(/sandbox-[a-z-]+-\d+-[0-9a-f]{16}/.test(JSON.stringify(saved)), false, "a secret was saved");

  // What was done in the add-on's page is not played again, so that only what was just said is compared.
  const steps = saved.steps.filter((step) => JSON.stringify(step).includes(text));
  assert.deepEqual(
    steps.map(({ kind }) => kind),
    ["webhook", "call"],
  );
  const otherwise = structuredClone(steps);
  otherwise[1].body.text_message = "چیز دیگری";
  assert.notDeepEqual(otherwise, steps);

  const load = async (what) => {
    const choosing = page.waitForEvent("filechooser");
    await page.locator("[data-does=session_choose]").click();
    const buffer = Buffer.from(JSON.stringify({ ...saved, steps: what }));
    await (await choosing).setFiles({ name: "kenar-session.json", mimeType: "application/json", buffer });
  };
  await page.locator("[data-does=session_load]").click();
  await load(steps);
  await page.locator('[data-app="demo"] .verdict.good').waitFor();
  await player.shot("17-session-same");
  await load(otherwise);
  await page.locator('[data-app="demo"] .verdict.bad').waitFor();
  await page.locator(".difference summary", { hasText: "bot.send_message" }).click();
  await page.locator(".difference pre", { hasText: "چیز دیگری" }).waitFor();
  await player.noSidewaysScrolling();
  await player.shot("18-session-differs");
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  await player.closePanel();
}

async function keyboard(player) {
  const { page } = player;
  await player.list();
  // From the top to a message, with nothing but the keyboard.
  await page.evaluate(() => {
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
  });
  const reach = async (selector) => {
    const passed = [];
    for (let presses = 0; presses < 80; presses += 1) {
      await page.keyboard.press("Tab");
      passed.push(await page.evaluate(() => document.activeElement.id || document.activeElement.className));
      if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
    }
    throw new Error(`${selector} cannot be reached by Tab, only ${passed}`);
  };
  await reach("#me");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, "solid", "the focus can be seen");
  await page.keyboard.press("Enter");
  await page.locator("#people:popover-open").waitFor();
  await page.keyboard.press("Escape");
  await page.locator("#people:popover-open").waitFor({ state: "detached" });
  await reach(".chat-item");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await until(page, () => page.evaluate(() => document.activeElement.id === "text"));
  await page.keyboard.type("با صفحه‌کلید");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("دو خط");
  await page.keyboard.press("Enter");
  await page.locator(".message.mine .text", { hasText: "دو خط" }).last().waitFor();
}

/** Makes the window narrow and wide again. */
async function resized(browser) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.goto(PAGE);
  await page.locator(".chat-item").first().click();
  const panel = page.locator("#wire");
  await panel.waitFor();
  await page.setViewportSize({ width: 360, height: 740 });
  await panel.waitFor({ state: "hidden" });
  await page.locator("#text").click({ trial: true });
  const below = () =>
    page.locator("#scroll").evaluate((scroll) => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight);
  await until(page, async () => (await below()) < 2);
  await page.screenshot({ path: `${SHOTS}/25-narrowed.png` });
  // Opened and closed over the chat, it is beside the chat again as it was.
  await page.locator("#back").click();
  await page.locator("#wire-toggle").click();
  await page.locator(".wire-close").click();
  await page.setViewportSize({ width: 1440, height: 900 });
  await panel.waitFor();
  await context.close();
}

/** The page of a post, and the add-ons opened from it. */
async function touchPoints(player) {
  const { page } = player;
  await player.openChat("سارا");
  await page.locator("#more-button").click();
  await page.locator("[data-does=post]").click();
  await page.locator("dialog .post-title", { hasText: "دوچرخهٔ شهری" }).waitFor();
  await player.shot("19-post");
  await page.locator("dialog [data-link=demo]").click();
  await player.frame().locator("p", { hasText: "با یک دکمه" }).waitFor();
  await player.closeVisit();
}

/** Asserts on contrast and accessible names. */
async function states(browser) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: "light" });
  const page = await context.newPage();
  const player = new Player(page, { language: "fa", theme: "light", width: 1440 });
  await page.goto(PAGE);
  await page.locator("#me").click();
  await page.locator("#people input").fill("نگار");
  await page.keyboard.press("Enter");
  await page.locator(".no-chats", { hasText: "نگار" }).waitFor();
  await player.shot("20-empty");
  await page.locator("#new-chat").click();
  await page.locator("dialog [data-bot=demo]").waitFor();
  await player.shot("21-new-chat");
  await page.locator("dialog [data-bot=demo]").click();
  await page.locator(".silence").waitFor();
  await player.shot("22-silence");
  await page.locator("#more-button").click();
  await page.locator("[data-does=block]").click();
  await page.locator("#blocked").waitFor();

  // An add-on that is not there: said, and not hung.
  await page.locator("#addons-button").click();
  await page.locator('[data-app="absent"]').click();
  await page.locator(".toast.bad").waitFor();
  await player.shot("23-no-addon");

  // The dialogue shows that a file is not a session.
  await player.openPanel();
  await page.locator("[data-does=session_load]").click();
  const choosing = page.waitForEvent("filechooser");
  await page.locator("[data-does=session_choose]").click();
  await (await choosing).setFiles({ name: "x.json", mimeType: "application/json", buffer: Buffer.from("<b>no</b>") });
  await page.locator("dialog .verdict.bad").waitFor();
  await player.shot("24-no-session");
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });

  for (const control of await page.locator("button:visible, input:visible, textarea:visible, select:visible").all()) {
    const name = await control.evaluate(
      (element) => element.getAttribute("aria-label") || element.textContent.trim() || element.labels?.[0]?.textContent,
    );
    assert.ok(name, `a control without a name: ${await control.evaluate((element) => element.outerHTML)}`);
  }
  await context.close();
}

const browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS });
try {
  for (const look of LOOKS) {
    await play(browser, look);
    console.log(`played: ${Object.values(look).join(" ")}`);
  }
  await states(browser);
  await resized(browser);
  console.log(`all is well; screenshots in ${SHOTS}`);
} finally {
  await browser.close();
}
