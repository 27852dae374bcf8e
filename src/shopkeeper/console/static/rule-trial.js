// What a rule changes: a request as it is answered today, beside the same with the drafts and this rule.

import { bannersOf } from "./cards.js";
import { $, button, keyed, latest, make, redraw, say } from "./dom.js";
import { inTongue, picture, remember, titleOf } from "./item.js";
import { ask, Refused } from "./shop.js";
import { number, words } from "./words.js";

const SIZE = 12;
let tried = null; // what was typed to try it with; null: what the rule itself asks for

export const drawTrial = latest(async (signal, form) => {
  const rule = form.rule();
  const given = tried ?? (rule.surface === "search" && rule.match !== "pattern" ? rule.query : "");
  const input = make("input", { type: "text", value: given, placeholder: words.tryHelp });
  const bar = make("label", { className: "try" }, make("span", {}, words.tryWith), keyed("try", input));
  input.oninput = () => {
    tried = input.value;
    drawTrial(form);
  };
  const request = requestOf(rule, given);
  const columns = request ? await answers(form, rule, request, signal) : [make("p", { className: "soft" }, words.tryFirst)];
  const at = document.activeElement?.dataset.key === "try" ? document.activeElement.selectionStart : null;
  if (at !== null) input.value = document.activeElement.value;
  redraw($("trial"), make("h2", {}, words.trial), bar, ...columns);
  if (at !== null) $("trial").querySelector("[data-key=try]").setSelectionRange(at, at);
});

// As the first of its audience asks, on its first day where that is to come.
function requestOf({ surface, audience, since }, given) {
  const text = given.trim();
  if (surface === "search" ? !text : ["similar", "cart"].includes(surface) && !text) return null;
  const begins = Date.parse(since) / 1000;
  return {
    surface,
    size: SIZE,
    ...(surface === "search" ? { query: text } : text && { items: [text] }),
    ...(audience.length && { segments: audience }),
    ...(begins * 1000 > Date.now() && { time: begins }),
  };
}

async function answers(form, rule, request, signal) {
  let found;
  try {
    found = await ask("v1/curation/preview", { ...request, rules: [{ ...rule, id: form.entry?.id || "new" }] }, signal);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return [make("p", { className: "refused", role: "alert" }, error.message)];
  }
  const { now, then, moves = [] } = found;
  const moved = new Map(moves.map((move) => [move.item, move]));
  const gone = moves.filter(({ after }) => !after).length;
  const told = moves.length ? words.moved(number(moves.length - gone), number(gone)) : words.nothingMoves;
  say(told);
  const side = (heading, slate, badge) => make("section", { ariaLabel: heading },
    make("h3", {}, heading),
    ...bannersOf(slate),
    make("ol", { role: "list" }, ...(slate.placements || []).map((each) => line(each, form, badge))));
  return [
    make("p", { className: "soft" }, told),
    make("div", { className: "sides" },
      side(words.today, now, ({ item }) => (moved.get(item.id) && !moved.get(item.id).after ? words.leaves : "")),
      side(words.withDraft, then, ({ item }) => shift(moved.get(item.id)))),
  ];
}

function shift(move) {
  if (!move) return "";
  if (!move.before) return words.comes;
  return move.before > move.after ? `↑ ${number(move.before - move.after)}` : `↓ ${number(move.after - move.before)}`;
}

function line(placement, form, badge) {
  const item = remember(placement.item);
  const title = titleOf(item);
  const pinned = form.pins.has(item.id);
  const pin = button({ className: "pin", ariaLabel: (pinned ? words.unpin : words.pinThis)(title) }, pinned ? words.pinnedMark : words.pin);
  pin.ariaPressed = String(pinned);
  pin.onclick = () => form.togglePin(item.id);
  const moved = badge(placement);
  return make("li", {},
    make("span", { className: "position" }, number(placement.position)),
    picture(item),
    inTongue(make("span", { className: "value" }, title), title),
    moved && make("span", { className: "moved" }, moved),
    keyed(`pin ${badge.name} ${item.id} ${placement.position}`, pin));
}
