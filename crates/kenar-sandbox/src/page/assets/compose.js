// Sending photos, recordings, files, locations and contacts.

import { avatar, dialogue, find, icon, make, menu, toast } from "./dom.js";
import { place, player } from "./bubble.js";
import { act, send } from "./server.js";
import { size, t } from "./words.js";

const KINDS = [
  ["image", "image"],
  ["voice", "mic"],
  ["file", "file"],
  ["location", "pin"],
  ["contact", "person"],
];

const PLACES = [
  { fa: "میدان آزادی، تهران", en: "Azadi Square, Tehran", latitude: 35.69973, longitude: 51.33806 },
  { fa: "میدان نقش جهان، اصفهان", en: "Naqsh-e Jahan, Isfahan", latitude: 32.65745, longitude: 51.67778 },
  { fa: "آرامگاه حافظ، شیراز", en: "Tomb of Hafez, Shiraz", latitude: 29.62544, longitude: 52.55836 },
];

/** Sets up attachments. `current` returns `{ me, chat, people }`. */
export function setUp(current) {
  const popover = find("attach");
  menu(popover, () =>
    KINDS.map(([kind, picture]) =>
      make(
        "button",
        {
          type: "button",
          class: "menu-item",
          "data-kind": kind,
          onclick: () => {
            popover.hidePopover();
            ({ image: media, voice: media, file: media, location: location_, contact })[kind](current(), kind);
          },
        },
        make("span", { class: `menu-icon kind-${kind}` }, icon(picture)),
        t(kind),
      ),
    ),
  );

  find("text").addEventListener("paste", (event) => offer(event, event.clipboardData, current));
  find("chat").addEventListener(
    "dragover",
    (event) => event.dataTransfer?.types.includes("Files") && event.preventDefault(),
  );
  find("chat").addEventListener("drop", (event) => offer(event, event.dataTransfer, current));
}

function offer(event, data, current) {
  const [file] = data?.files ?? [];
  if (!file || !current().chat) return;
  event.preventDefault();
  const kind = /^(image|video)\//.test(file.type) ? "image" : file.type.startsWith("audio/") ? "voice" : "file";
  media(current(), kind, file);
}

/** The footer of a dialog, which sends and closes on success. */
function footer(dialog, ready) {
  const button = make(
    "button",
    { type: "submit", class: "button primary", disabled: true },
    icon("send", "icon flip"),
    t("send"),
  );
  const form = make("form", { class: "dialogue-foot", method: "dialog" }, button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    const { error } = await ready();
    button.disabled = false;
    if (error) toast(error, "bad");
    else dialog().close();
  });
  return { form, button };
}

function media({ me, chat }, kind, given) {
  let chosen = null;
  const shown = make("div", { class: "preview" }, icon(kind === "voice" ? "mic" : kind));
  const input = make("input", {
    type: "file",
    class: "visually-hidden",
    accept: { image: "image/png,image/jpeg,image/gif,image/webp,video/mp4,video/webm", voice: "audio/*" }[kind] ?? "",
    onchange: () => choose(input.files[0]),
  });
  const { form, button } = footer(
    () => dialog,
    async () => {
      const film = chosen.type.startsWith("video/") && kind === "image";
      return send({ me, chat, kind: film ? "video" : kind, name: chosen.name, ...(await measures(chosen)) }, chosen);
    },
  );
  const choose = (file) => {
    if (!file) return;
    chosen = file;
    button.disabled = false;
    shown.replaceChildren(preview(kind, file));
    button.focus();
  };
  const recorder = kind === "voice" && recorderButton(choose);
  const dialog = dialogue(
    t(kind),
    t("close"),
    shown,
    make(
      "div",
      { class: "choices" },
      make("button", { type: "button", class: "button", onclick: () => input.click() }, icon("plus"), t("choose")),
      recorder,
      make(
        "button",
        { type: "button", class: "button", "data-sample": kind, onclick: async () => choose(await SAMPLES[kind]()) },
        icon("spark"),
        t("sample"),
      ),
    ),
    input,
    form,
  );
  if (given) choose(given);
}

function preview(kind, file) {
  const address = URL.createObjectURL(file);
  if (kind === "voice") return player(address, file.size);
  if (kind === "image" && file.type.startsWith("image/")) return make("img", { src: address, alt: file.name });
  if (kind === "image") return make("video", { src: address, controls: true });
  return make(
    "div",
    { class: "card" },
    make("span", { class: "card-icon" }, icon("file")),
    make(
      "span",
      { class: "card-text" },
      make("strong", { dir: "auto" }, file.name),
      make("span", { class: "told" }, size(file.size)),
    ),
  );
}

async function measures(file) {
  if (!file.type.startsWith("image/")) return {};
  try {
    const { width, height } = await createImageBitmap(file);
    return { width, height };
  } catch {
    return {};
  }
}

function recorderButton(choose) {
  let recorder = null;
  const button = make(
    "button",
    { type: "button", class: "button", "aria-pressed": "false" },
    icon("mic"),
    make("span", {}, t("record")),
  );
  const show = (on) => {
    button.setAttribute("aria-pressed", String(on));
    button.lastChild.textContent = t(on ? "stop" : "record");
  };
  button.addEventListener("click", async () => {
    if (recorder) return recorder.stop();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const pieces = [];
      recorder = new MediaRecorder(stream);
      recorder.addEventListener("dataavailable", ({ data }) => pieces.push(data));
      recorder.addEventListener("stop", () => {
        stream.getTracks().forEach((track) => track.stop());
        const type = recorder.mimeType.split(";")[0];
        recorder = null;
        show(false);
        choose(new File(pieces, `voice.${type.endsWith("mp4") ? "m4a" : type.split("/")[1]}`, { type }));
      });
      recorder.start();
      show(true);
    } catch {
      recorder = null;
      toast(t("no_microphone"), "bad");
    }
  });
  return button;
}

/** Generators of sample files, by kind. */
const SAMPLES = {
  image() {
    const canvas = make("canvas", { width: 640, height: 420 });
    const draw = canvas.getContext("2d");
    const sky = draw.createLinearGradient(0, 0, 0, 420);
    [["#2b1b3d"], ["#b3414e"], ["#f5b26b"]].forEach(([colour], at) => sky.addColorStop(at / 2, colour));
    draw.fillStyle = sky;
    draw.fillRect(0, 0, 640, 420);
    draw.fillStyle = "#ffe6b3";
    draw.beginPath();
    draw.arc(430, 240, 46, 0, Math.PI * 2);
    draw.fill();
    [
      ["#5a2a43", 250, 60],
      ["#3a1d33", 310, 40],
      ["#1f1122", 360, 26],
    ].forEach(([colour, base, height], layer) => {
      draw.fillStyle = colour;
      draw.beginPath();
      draw.moveTo(0, 420);
      for (let x = 0; x <= 640; x += 8)
        draw.lineTo(x, base - height * Math.sin(x / (70 - layer * 14) + layer * 2) - x * 0.02);
      draw.lineTo(640, 420);
      draw.fill();
    });
    return new Promise((done) =>
      canvas.toBlob((blob) => done(new File([blob], "sample.png", { type: "image/png" })), "image/png"),
    );
  },
  voice() {
    const rate = 16_000;
    const notes = [523.25, 659.25, 783.99, 1046.5, 783.99, 659.25];
    const samples = Int16Array.from({ length: rate * 1.8 }, (_, at) => {
      const second = at / rate;
      const note = notes[Math.min(Math.floor(second / 0.3), notes.length - 1)];
      return 9000 * Math.sin(2 * Math.PI * note * second) * Math.exp(-4 * (second % 0.3));
    });
    const header = new DataView(new ArrayBuffer(44));
    const text = (at, letters) =>
      [...letters].forEach((letter, more) => header.setUint8(at + more, letter.charCodeAt(0)));
    [
      [0, "RIFF"],
      [8, "WAVE"],
      [12, "fmt "],
      [36, "data"],
    ].forEach(([at, letters]) => text(at, letters));
    [
      [4, 36 + samples.byteLength],
      [16, 16],
      [24, rate],
      [28, rate * 2],
      [40, samples.byteLength],
    ].forEach(([at, value]) => header.setUint32(at, value, true));
    [
      [20, 1],
      [22, 1],
      [32, 2],
      [34, 16],
    ].forEach(([at, value]) => header.setUint16(at, value, true));
    return new File([header, samples], "sample.wav", { type: "audio/wav" });
  },
  file: () => new File(["A file from the Kenar sandbox.\n"], "sample.txt", { type: "text/plain" }),
};

function field(name, properties) {
  const input = make("input", { class: "field", id: `field-${name}`, required: true, ...properties });
  return [input, make("label", { class: "labelled", for: input.id }, make("span", {}, t(name)), input)];
}

function location_({ me, chat }) {
  const shown = make("div", { class: "preview" });
  const number = { type: "number", step: "any", dir: "ltr", inputMode: "decimal" };
  const [latitude, first] = field("latitude", { ...number, min: -90, max: 90 });
  const [longitude, second] = field("longitude", { ...number, min: -180, max: 180 });
  const at = () => ({ latitude: latitude.valueAsNumber, longitude: longitude.valueAsNumber });
  const { form, button } = footer(
    () => dialog,
    () => act("write", { me, chat, said: { location: at() } }),
  );
  const show = () => {
    button.disabled = !latitude.value || !longitude.value || !latitude.validity.valid || !longitude.validity.valid;
    if (!button.disabled) shown.replaceChildren(place(at()));
  };
  latitude.addEventListener("input", show);
  longitude.addEventListener("input", show);
  const choose = (chosen) => {
    [latitude.value, longitude.value] = [chosen.latitude, chosen.longitude];
    show();
  };
  const chips = PLACES.map((known) =>
    make(
      "button",
      { type: "button", class: "chip", onclick: () => choose(known) },
      known[document.documentElement.lang],
    ),
  );
  const dialog = dialogue(
    t("location"),
    t("close"),
    shown,
    make("div", { class: "chips" }, chips),
    make("div", { class: "fields" }, first, second),
    form,
  );
  choose(PLACES[0]);
}

function contact({ me, chat, people }) {
  const [name, first] = field("name", { dir: "auto", maxLength: 80 });
  const [phone, second] = field("phone", { type: "tel", dir: "ltr", maxLength: 20 });
  const { form, button } = footer(
    () => dialog,
    () => act("write", { me, chat, said: { contact: { name: name.value, phone: phone.value } } }),
  );
  const show = () => {
    button.disabled = !phone.value.trim();
  };
  name.addEventListener("input", show);
  phone.addEventListener("input", show);
  const chips = people.map((person) =>
    make(
      "button",
      {
        type: "button",
        class: "chip",
        onclick: () => {
          [name.value, phone.value] = [person.name, person.phone];
          show();
        },
      },
      avatar(person.name),
      make("bdi", {}, person.name),
    ),
  );
  const dialog = dialogue(
    t("contact"),
    t("close"),
    make("div", { class: "chips" }, chips),
    make("div", { class: "fields" }, first, second),
    form,
  );
}
