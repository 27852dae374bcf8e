// Products as cards, in grids and on shelves.

import { addressOf } from "./address.js";
import { button, icon, keyed, make } from "./dom.js";
import { inTongue, marked, money, picture, reasonText, remember, spoken, titleOf } from "./item.js";
import { saved, toggleSaved, who } from "./person.js";
import { answerOf, pictureAddress, tell } from "./shop.js";
import { explainAnswer, explainPlacement } from "./why.js";
import { words } from "./words.js";

const PERSONAL = ["home", "recent"], STAND_INS = ["popular", "trending"];

// How each item was come by, where it was clicked: what its later events tell, so that the shop learns from them.
const clicks = new Map();

export function wayTo(item) {
  return clicks.get(item.id) || {};
}

// `answer`: { slate, request }; without a slate's id, nobody chose what stands in it. `level`: of the headings.
export function grid(answer, level = 2, className = "grid") {
  const place = answer.request.items?.[0] || answer.request.surface;
  const cards = answer.slate.placements.map((placement) => card(placement, answer, level, place));
  return make("ul", { className, role: "list" }, ...cards);
}

// What the merchant shows above an answer. All of it is text, and an address is one that the shop has let through.
export function bannersOf({ banners = [], redirect }) {
  const shown = banners.map(({ text = "", image, link }) => {
    const parts = [image && make("img", { alt: "", src: pictureAddress(image) }), text || link];
    return make("p", { className: "banner" }, ...(link ? [make("a", { href: link }, ...parts.filter(Boolean))] : parts));
  });
  const sent = redirect && make("p", { className: "banner" }, make("a", { href: redirect }, words.sentTo(redirect)));
  return [sent, ...shown];
}

function card(placement, answer, level, place) {
  const item = remember(placement.item);
  const title = titleOf(item);
  const { slate, request } = answer;
  const link = make("a", { href: addressOf("item", item.id) }, ...marked(title, slate.matched));
  link.onclick = () => {
    const { query } = request;
    clicks.set(item.id, { slate: slate.id, position: placement.position, ...(query && { query }) });
  };
  const why = button({ className: "why", ariaLabel: words.whyThis(title) }, words.why);
  why.onclick = () => explainPlacement(placement, answer);
  return make("li", { className: item.available === false ? "card gone" : "card" },
    picture(item),
    inTongue(make(`h${level}`, { className: "title" }, keyed(`${place} ${placement.position}`, link)), title),
    make("p", { className: "meta" }, ...figures(item, slate.matched), slate.id && !request.picture && why),
    reason(placement, request),
    heart(item, place));
}

function figures(item, matched) {
  const price = item.available === false ? words.out : money(item.price, item.currency);
  const maker = make("span", { className: "maker" }, ...marked(item.brand || "", matched));
  return [make("span", { className: "price" }, price), inTongue(maker, item.brand || "")];
}

// In a search the marked words say what matched; only what came by another way needs a word.
function reason({ reasons }, request) {
  const said = request.surface === "search" && reasons.some(({ source }) => source === "lexical");
  if (said || !reasons.length) return null;
  const text = reasonText(reasons[0], request);
  return spoken("p", text, { className: "reason", title: text });
}

export function heart(item, place = "") {
  const node = button({ className: "heart", ariaLabel: words.save(titleOf(item)) }, icon("heart"));
  node.ariaPressed = String(saved().includes(item.id));
  node.onclick = async () => {
    const fresh = toggleSaved(item.id);
    node.ariaPressed = String(fresh);
    if (fresh) await tell({ type: "favourite", item: item.id, ...who(), ...wayTo(item) });
  };
  return keyed(`save ${place} ${item.id}`, node);
}

// A shelf as { answer, node }; null where it is empty, or is about the person and only the most popular stand in on it.
export async function shelf(surface, heading, signal, { items = [], facets = [], size = 12, level = 2 } = {}) {
  const request = { surface, ...who(), size, ...(items.length && { items }), ...(facets.length && { facets }) };
  const answer = await answerOf(request, signal);
  const sources = answer.slate.placements.flatMap(({ reasons }) => reasons.map(({ source }) => source));
  const empty = !answer.slate.placements.length;
  if (empty || (PERSONAL.includes(surface) && sources.every((source) => STAND_INS.includes(source)))) return null;
  const bar = make("div", { className: "bar" }, make(`h${level}`, {}, heading), howButton(answer, heading));
  const row = grid(answer, level + 1, "row");
  return { answer, node: make("section", { className: "shelf", ariaLabel: heading }, bar, row) };
}

export function howButton(answer, of) {
  const node = button({ className: "how", ariaLabel: `${words.how}: ${of}`, title: words.how }, icon("clock"));
  node.onclick = () => explainAnswer(answer);
  return keyed(`how ${answer.request.surface}`, node);
}

// Several shelves asked for at once, in their order; what is refused takes none of the others with it.
export async function shelves(asked) {
  const settled = await Promise.allSettled(asked);
  const failed = settled.filter(({ status }) => status === "rejected");
  if (failed.length === settled.length) throw failed[0].reason;
  return settled.map(({ value }) => value).filter(Boolean);
}
