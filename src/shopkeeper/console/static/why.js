// The quiet drawer: why a product stands where it stands, or why not; who answered, and how long each stage took.

import { $, button, keyed, latest, make } from "./dom.js";
import { drawer } from "./drawer.js";
import { inTongue, itemOf, picture, reasonText, titleOf } from "./item.js";
import { ask } from "./shop.js";
import { number, words } from "./words.js";

export function explainPlacement(placement, answer) {
  open(words.whyTitle);
  return draw(answer, placement.item.id, placement);
}

export function explainAnswer(answer) {
  open(words.howTitle);
  return draw(answer);
}

function open(title) {
  drawer($("why"), title, make("p", { className: "soft" }, words.loading));
  if (!$("why").open) $("why").showModal();
}

const draw = latest(async (signal, answer, id, placement) => {
  const told = id ? await explanation(answer.request, id, placement, signal) : null;
  drawer($("why"), id ? words.whyTitle : words.howTitle, told, question(answer), timings(answer), answered(answer));
});

async function explanation(request, id, placement, signal) {
  const said = await ask(`v1/explain?${asked(request, id)}`, null, signal);
  const item = said.verdict === "unknown item" ? null : await itemOf(id, signal);
  const rank = placement?.position || said.rank; // sorted and explored pages have an order of their own
  const verdict = placement ? "shown" : said.verdict;
  const title = item ? titleOf(item) : id;
  const detail = said.reasons?.length ? null : inTongue(make("p", {}, said.text), said.text);
  return make("section", { className: "told" },
    make("div", { className: "subject" }, item && picture(item), inTongue(make("h3", {}, title), title)),
    make("p", { className: `verdict ${placement || said.rank ? "in" : "out"}` }, words.verdicts[verdict]?.(rank) || verdict),
    detail,
    reasons(said, request),
    features(said.features || {}),
    placement && make("p", { className: "soft" }, exploration(placement)));
}

// The question that `request` puts, about one item.
function asked({ items = [], facets, sort, ...request }, id) {
  const fields = new URLSearchParams({ item: id, ...request });
  for (const anchor of items) fields.append("items", anchor);
  return fields;
}

function reasons({ reasons = [] }, request) {
  if (!reasons.length) return null;
  const lines = reasons.map((reason) => {
    const text = reasonText(reason, request);
    const by = make("strong", {}, words.sources[reason.source] || reason.source);
    return make("li", {}, by, words.rank(reason.rank), inTongue(make("span", {}, text), text));
  });
  return make("div", {}, make("h4", {}, words.reasons), make("ul", {}, ...lines));
}

function features(given) {
  const rows = Object.entries(given).flatMap(([name, value]) => [
    make("dt", {}, words.feature(name)),
    make("dd", {}, value == null ? "–" : number(value, 3)),
  ]);
  return rows.length ? make("div", {}, make("h4", {}, words.decided), make("dl", { className: "facts" }, ...rows)) : null;
}

function exploration({ propensity = 1 }) {
  return propensity < 1 ? words.explored(`${number(propensity * 100, 1)} %`) : words.unexplored;
}

function question(answer) {
  const input = keyed("ask", make("input", { type: "text", ariaLabel: words.askId, placeholder: words.askId, required: true, maxLength: 400 }));
  const form = make("form", { className: "ask" }, make("h3", {}, words.ask), input, button({ type: "submit", className: "plain" }, words.askIt));
  form.onsubmit = (event) => {
    event.preventDefault();
    const id = input.value.trim();
    return draw(answer, id, answer.slate.placements.find(({ item }) => item.id === id));
  };
  return form;
}

function timings({ slate, took }) {
  const stages = Object.entries(slate.timings);
  const total = stages.reduce((sum, [, time]) => sum + time, 0);
  const longest = Math.max(...stages.map(([, time]) => time));
  const rows = stages.map(([stage, time]) => {
    const bar = make("span", { className: "bar-of" });
    bar.style.setProperty("--share", time / longest);
    return make("tr", {}, make("th", { scope: "row" }, words.stages[stage] || stage), make("td", {}, bar), make("td", {}, words.milliseconds(number(time, 2))));
  });
  const sum = (label, time) => make("tr", { className: "whole" }, make("th", { scope: "row" }, label), make("td"), make("td", {}, words.milliseconds(number(time, 1))));
  return make("section", {}, make("h3", {}, words.took), make("table", { className: "stages" }, make("tbody", {}, ...rows, sum(words.inAll, total), sum(words.trip, took))));
}

function answered({ slate, request }) {
  const said = [
    [words.surface, request.surface],
    [words.releaseName, slate.release],
    [words.variant, slate.variant],
    [words.slate, slate.id],
  ].filter(([, text]) => text);
  const rows = said.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]);
  const notes = slate.notes.map((note) => inTongue(make("p", { className: "soft" }, note), note));
  const counts = words.shownOf(number(slate.placements.length), number(slate.total));
  return make("section", {}, make("h3", {}, words.answered), make("p", {}, counts), make("dl", { className: "facts" }, ...rows), ...notes);
}
