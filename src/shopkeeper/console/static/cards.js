// Products as cards, in grids and on shelves.

import { button, icon, keyed, make } from "./dom.js";
import { inTongue, marked, money, picture, reasonText, remember, titleOf } from "./item.js";
import { addressOf } from "./address.js";
import { saved, toggleSaved, who } from "./person.js";
import { answerOf, tell } from "./shop.js";
import { explainAnswer, explainPlacement } from "./why.js";
import { words } from "./words.js";

const PERSONAL = ["home", "recent"], STAND_INS = ["popular", "trending"];

// How each item was come by, where it was clicked: what its later events tell, so that the shop learns from them.
const clicks = new Map();

export function wayTo(item) {
  return clicks.get(item.id) || {};
}

// An answer is { slate, request, took }; without a slate's id, nobody chose what stands in it. `level`: of the headings.
export function grid(answer, level = 2, className = "grid") {
  const place = answer.request.items?.[0] || answer.request.surface;
  return make("ul", { className, role: "list" }, ...answer.slate.placements.map((one) => card(one, answer, level, place)));
}

function card(placement, answer, level, place) {
  const item = remember(placement.item);
  const title = titleOf(item);
  const link = keyed(`${place} ${placement.position}`, make("a", { href: addressOf("item", item.id) }, ...marked(title, answer.slate.matched)));
  link.onclick = () => {
    const { query } = answer.request;
    clicks.set(item.id, { slate: answer.slate.id, position: placement.position, ...(query && { query }) });
  };
  const why = button({ className: "why", ariaLabel: words.whyThis(title), onclick: () => explainPlacement(placement, answer) }, words.why);
  return make("li", { className: item.available === false ? "card gone" : "card" },
    picture(item),
    inTongue(make(`h${level}`, { className: "title" }, link), title),
    make("p", { className: "meta" }, ...figures(item, answer.slate.matched), answer.slate.id && why),
    reason(placement, answer),
    heart(item, place));
}

function figures(item, matched) {
  const price = item.available === false ? words.out : money(item.price, item.currency);
  const brand = item.brand && inTongue(make("span", { className: "maker" }, ...marked(item.brand, matched)), item.brand);
  return [make("span", { className: "price" }, price), brand || ""];
}

// In a search the marked words say what matched; only what came by another way needs a word.
function reason({ reasons }, { request }) {
  const marked = request.surface === "search" && reasons.some(({ source }) => source === "lexical");
  if (marked || !reasons.length) return null;
  const text = reasonText(reasons[0], request);
  return inTongue(make("p", { className: "reason", title: text }, text), text);
}

export function heart(item, place = "") {
  const node = keyed(`save ${place} ${item.id}`, button({ className: "heart", ariaLabel: words.save(titleOf(item)) }, icon("heart")));
  node.ariaPressed = String(saved().includes(item.id));
  node.onclick = async () => {
    const fresh = toggleSaved(item.id);
    node.ariaPressed = String(fresh);
    if (fresh) await tell({ type: "favourite", item: item.id, ...who(), ...wayTo(item) });
  };
  return node;
}

// A shelf as a section, or nothing where it is empty, or speaks of the person and the most popular only stand in on it.
export async function shelf(surface, heading, signal, { items = [], facets = [], size = 12, level = 2 } = {}) {
  const request = { surface, ...who(), size, ...(items.length && { items }), ...(facets.length && { facets }) };
  const answer = await answerOf(request, signal);
  const { placements } = answer.slate;
  const own = !PERSONAL.includes(surface) || placements.some(({ reasons }) => reasons.some(({ source }) => !STAND_INS.includes(source)));
  return own && placements.length ? { answer, node: shelfOf(answer, heading, level) } : null;
}

function shelfOf(answer, heading, level) {
  const title = make(`h${level}`, {}, heading);
  return make("section", { className: "shelf", ariaLabel: heading },
    make("div", { className: "bar" }, title, howButton(answer, heading)),
    grid(answer, level + 1, "row"));
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
