// Search by picture: taken, chosen, dropped or pasted; made small here, so that little is sent and no place it was taken at.

import { addressOf, go } from "./address.js";
import { grid } from "./cards.js";
import { $, button, keyed, make, notice, redraw, say } from "./dom.js";
import { who } from "./person.js";
import { answerOf } from "./shop.js";
import { number, words } from "./words.js";

const SIDE = 512, QUALITY = 0.85, SIZE = 48, TYPING_PAUSE_MS = 250;
const LIKES = ["all", "colour", "shape"];
let held = ""; // a data: address; a reload forgets it

export function camera() {
  const file = make("input", { type: "file", accept: "image/*", hidden: true });
  $("camera").onclick = () => file.click();
  file.onchange = () => {
    take(file.files[0]);
    file.value = "";
  };
  $("search").append(file);
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
  addEventListener("paste", (event) => take(event.clipboardData.files[0]));
}

export function nameCamera() {
  $("camera").ariaLabel = $("camera").title = words.camera;
}

export async function byPicture(signal, { value: query, fields }) {
  if (!held) return go("#/", { replace: true });
  const like = LIKES.includes(fields.get("like")) ? fields.get("like") : "all";
  const request = { surface: "picture", picture: held.split(",")[1], query, like, ...who(), size: SIZE };
  const answer = await answerOf(request, signal);
  const heading = `${words.results(number(answer.slate.total))}${words.ofPicture}`;
  document.title = `${heading} · ${$("name").textContent}`;
  say(heading);
  const found = answer.slate.placements.length ? grid(answer) : nothing(answer.slate.notes);
  redraw($("main"), make("div", { className: "bar" }, make("h1", { tabIndex: -1 }, heading)), asked(query, like), found);
}

async function take(file) {
  if (!file) return;
  try {
    held = await small(file);
  } catch {
    return notice(words.noPicture);
  }
  go(addressOf("picture"));
}

async function small(file) {
  const image = await createImageBitmap(file);
  const scale = Math.min(1, SIDE / Math.max(image.width, image.height));
  const canvas = make("canvas", { width: Math.ceil(image.width * scale), height: Math.ceil(image.height * scale) });
  const paper = canvas.getContext("2d");
  paper.fillStyle = "white"; // what is transparent is background
  paper.fillRect(0, 0, canvas.width, canvas.height);
  paper.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", QUALITY);
}

function asked(query, like) {
  const narrow = (text, wanted) =>
    go(addressOf("picture", text, new URLSearchParams({ like: wanted })), { replace: true });
  const likes = LIKES.map((wanted) => {
    const chip = keyed(`like ${wanted}`, button({ className: "pill" }, words.likes[wanted]));
    chip.ariaPressed = String(wanted === like);
    chip.onclick = () => narrow(query, wanted);
    return chip;
  });
  const but = keyed("but", make("input", { type: "text", value: query, maxLength: 200, placeholder: words.but, ariaLabel: words.but }));
  let pause;
  but.oninput = () => {
    clearTimeout(pause);
    pause = setTimeout(() => narrow(but.value.trim(), like), TYPING_PAUSE_MS);
  };
  const shown = make("img", { src: held, alt: words.yourPicture, className: "preview" });
  return make("div", { className: "panel pictured" },
    shown, make("div", { className: "likes", role: "group", ariaLabel: words.likeWhat }, ...likes), but);
}

function nothing(notes) {
  return make("div", { className: "panel" }, make("h2", {}, words.nothingLike), make("p", {}, notes[0] || words.tryThis));
}
