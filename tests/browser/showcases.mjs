// Plays the examples `xo` and `delivery` to the end, in the chat page, as people would.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { chromium } from "playwright-core";

const { CHROMIUM, EXAMPLES, SHOTS } = process.env;
const LOOKS = [
  { theme: "light", width: 1440, height: 900 },
  { theme: "dark", width: 360, height: 740 },
];
const FREE = /^[۱-۹]$/;

/** A free port. */
const freePort = () => new Promise((found) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => found(port));
  });
});

/** Runs an example with its chat page while `use` runs. */
async function running(example, use) {
  const env = { ...process.env, KENAR_SANDBOX_PORT: String(await freePort()) };
  delete env.KENAR_API_KEY;
  const program = spawn(`${EXAMPLES}/${example}`, ["--page"], { env, stdio: ["ignore", "pipe", "inherit"] });
  try {
    const address = await new Promise((found, failed) => {
      let said = "";
      program.stdout.on("data", (text) => {
        said += text;
        const address = said.match(/http:\S+/);
        if (address) found(address[0]);
      });
      program.on("exit", () => failed(new Error(`${example} has ended: ${said}`)));
    });
    await use(address);
  } finally {
    program.kill();
  }
}

class Person {
  constructor(page, name) {
    Object.assign(this, { page, name });
  }

  static async in(context, address, name, chat) {
    const page = await context.newPage();
    await page.goto(new URL(`#as=${name}`, address).href);
    await page.locator(".chat-item", { hasText: chat }).click();
    await page.locator("#chat-title h2", { hasText: chat }).waitFor();
    return new Person(page, name);
  }

  last = () => this.page.locator(".message").last();
  captions = () => this.last().locator(".grid button").allInnerTexts().then((all) => all.map((text) => text.trim()));
  press = (caption) => this.last().locator(".grid button", { hasText: caption }).click();
  sees = (text) => this.page.locator(".message .text", { hasText: text }).last().waitFor();
  toast = (text) => this.page.locator(".toast", { hasText: text }).last().waitFor();
  frame = () => this.page.frameLocator("#visit-frame iframe");
  isBack = () => this.page.locator("#visit").waitFor({ state: "hidden" });
  messages = () => this.page.locator(".message").count();

  async until(wait) {
    const deadline = Date.now() + 10_000;
    while (!(await wait())) {
      if (Date.now() > deadline) throw new Error(`${this.name}: not within ten seconds: ${wait}`);
      await this.page.evaluate(() => new Promise(requestAnimationFrame));
    }
  }

  async shot(name) {
    await this.page.screenshot({ path: `${SHOTS}/${name}.png` });
  }
}

async function xo(context, address, look) {
  const sara = await Person.in(context, address, "سارا", "دوز");
  const shot = (name) => sara.shot(`xo-${look.theme}-${look.width}-${name}`);
  await sara.until(async () => (await sara.captions()).length === 9);
  assert.deepEqual(await sara.captions(), ["۱", "۲", "۳", "۴", "۵", "۶", "۷", "۸", "۹"]);

  // The first button is the right one, and a row is a row.
  const at = async (caption) => sara.last().locator(".grid button", { hasText: caption }).boundingBox();
  const [one, three, nine] = [await at("۱"), await at("۳"), await at("۹")];
  const isSame = (a, b) => Math.abs(a - b) < 2;
  const inPlace = one.x > three.x && isSame(one.y, three.y) && isSame(three.x, nine.x) && nine.y > three.y;
  assert.ok(inPlace, `the cells have their places: ${JSON.stringify({ one, three, nine })}`);
  await shot("1-empty");

  for (;;) {
    const before = await sara.messages();
    const free = (await sara.captions()).find((caption) => FREE.test(caption));
    if (!free) break;
    await sara.press(free);
    await sara.until(async () => (await sara.messages()) === before + 1);
    await sara.last().locator(".grid button").first().waitFor();
    if (before === 3) await shot("2-played");
  }
  await sara.sees("من بردم");
  await shot("3-over");

  // A board of the past changes nothing.
  const before = await sara.messages();
  const [first] = await sara.page.locator(".message", { has: sara.page.locator(".grid") }).all();
  await first.locator(".grid button", { hasText: "۹" }).click();
  await sara.toast("این صفحه قدیمی است");
  assert.equal(await sara.messages(), before);

  await sara.press("دوباره، من شروع کنم");
  await sara.until(async () => (await sara.captions()).filter((caption) => FREE.test(caption)).length === 8);
  await sara.page.locator("#text").fill("شروع دوباره");
  await sara.page.locator("#text").press("Enter");
  await sara.until(async () => (await sara.captions()).filter((caption) => FREE.test(caption)).length === 9);
}

async function delivery(context, address, look) {
  const ali = await Person.in(context, address, "علی", "سارا");
  const sara = await Person.in(context, address, "سارا", "علی");
  const shot = (person, name) => person.shot(`delivery-${look.theme}-${look.width}-${name}`);
  const open = async () => {
    await ali.page.locator("#addons-button").click();
    await ali.page.locator('[data-app="delivery"]').click();
    await ali.frame().locator("form").waitFor();
  };
  const fill = async (person, day, hours) => {
    await person.frame().locator(`[name=day][value="${day}"]`).check();
    await person.frame().locator(`[name=hours][value="${hours}"]`).check();
  };
  const send = (person) => person.frame().locator("form button").click();

  await open();
  await shot(ali, "1-form");
  await fill(ali, "mon", "15-18");
  await ali.frame().locator("#address").fill("   ");
  await send(ali);
  await ali.frame().locator("#address-mistake").waitFor();
  await shot(ali, "2-mistake");
  await ali.frame().locator("#address").fill("خیابان آزادی، پلاک ۱۷");
  await send(ali);
  await ali.frame().locator("[value=deny]").click();
  await ali.frame().locator("a", { hasText: "تلاش دوباره" }).waitFor();
  await shot(ali, "3-refused");
  await ali.frame().locator("a", { hasText: "تلاش دوباره" }).click();
  await fill(ali, "mon", "15-18");
  await send(ali);
  await ali.frame().locator("[value=allow]").click();
  await ali.isBack();
  for (const person of [ali, sara]) await person.sees("درخواست ارسال ثبت شد");
  await ali.until(async () => (await ali.captions()).join() === "پیگیری");
  await sara.until(async () => (await sara.captions()).join() === "تأیید زمان,زمان دیگر");
  await shot(ali, "4-buyer");

  await sara.press("زمان دیگر");
  await fill(sara, "tue", "9-12");
  await shot(sara, "5-other-time");
  await send(sara);
  await sara.frame().locator("[value=allow]").click();
  await sara.isBack();
  for (const person of [ali, sara]) await person.sees("زمان دیگری برای ارسال پیشنهاد شد");
  await ali.until(async () => (await ali.captions()).join() === "تأیید زمان,زمان دیگر");
  await ali.press("تأیید زمان");
  await ali.toast("زمان تأیید شد");
  await shot(ali, "6-confirmed");
  await sara.press("پیگیری");
  await sara.frame().locator(".good", { hasText: "زمان تأیید شد" }).waitFor();
  await shot(sara, "7-tracked");
}

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
try {
  for (const [example, play] of Object.entries({ xo, delivery })) {
    for (const look of LOOKS) {
      const viewport = { width: look.width, height: look.height };
      const context = await browser.newContext({ viewport, colorScheme: look.theme, reducedMotion: "reduce" });
      try {
        await running(example, (address) => play(context, address, look));
      } catch (error) {
        for (const page of context.pages()) await page.screenshot({ path: `${SHOTS}/failed-${context.pages().indexOf(page)}.png` });
        throw error;
      }
      await context.close();
      console.log(`${example}, ${look.theme}, ${look.width} pixels wide: played to its end`);
    }
  }
} finally {
  await browser.close();
}
