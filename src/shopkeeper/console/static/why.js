// The quiet drawer: why a product stands where it stands, or why not; who answered, and how long each stage took.

import { $, button, keyed, latest, make } from "./dom.js";
import { drawer } from "./drawer.js";
import { itemOf, picture, reasonText, spoken, titleOf } from "./item.js";
import { ask } from "./shop.js";
import { number, words } from "./words.js";

const LIKELY = 0.5; // what stands in its place more often than not stands there by its score

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

// A placement stands where it was seen to stand: sorted and explored pages have an order of their own.
async function explanation(request, id, placement, signal) {
  const said = await ask(`v1/explain?${asked(request, id)}`, null, signal);
  const item = said.verdict === "unknown item" ? null : await itemOf(id, signal);
  const verdict = placement ? words.verdicts.shown(placement.position) : words.verdicts[said.verdict](said.rank);
  const title = item ? titleOf(item) : id;
  return make("section", { className: "told" },
    make("div", { className: "subject" }, item && picture(item), spoken("h3", title)),
    make("p", { className: placement || said.rank ? "verdict in" : "verdict out" }, verdict),
    said.reasons ? reasons(said.reasons, request) : spoken("p", said.text),
    said.features && features(said.features),
    placement && make("p", { className: "soft" }, exploration(placement)));
}

// The question that `request` puts, about one item.
function asked({ items = [], without = [], facets, refinements = {}, ...request }, id) {
  const fields = new URLSearchParams({ item: id, ...request, filter: filterOf(refinements) });
  for (const anchor of items) fields.append("items", anchor);
  for (const chip of without) fields.append("without", chip);
  return fields;
}

// What was chosen in facets, in the filter language.
function filterOf(refinements) {
  const quoted = (text) => `"${text.replace(/[\\"]/g, "\\$&")}"`;
  const tested = (field, value) => {
    const [, low, below, high] = value.match(/^([-\d.]*?)\.\.(<?)([-\d.]*)$/) || [];
    if (low === undefined) return `${field} = ${quoted(value)}`;
    return [low && `${field} >= ${low}`, high && `${field} <${below ? "" : "="} ${high}`].filter(Boolean).join(" and ");
  };
  const name = (field) => (/^\w+$/.test(field) ? field : quoted(field));
  const any = ([field, values]) => values.map((value) => `(${tested(name(field), value)})`).join(" or ");
  const parts = Object.entries(refinements).map(any);
  return parts.length === 1 ? parts[0].replace(/^\(([^()]*)\)$/, "$1") : parts.map((part) => `(${part})`).join(" and ");
}

function reasons(given, request) {
  const lines = given.map((reason) => {
    const by = make("strong", {}, words.sources[reason.source] || reason.source);
    return make("li", {}, by, words.rank(reason.rank), spoken("span", reasonText(reason, request)));
  });
  return make("div", {}, make("h4", {}, words.reasons), make("ul", {}, ...lines));
}

function features(given) {
  const rows = Object.entries(given).map(([name, value]) => [
    words.feature(name),
    value == null ? "–" : number(value, 3),
  ]);
  return make("div", {}, make("h4", {}, words.decided), facts(rows));
}

function facts(rows) {
  const cells = rows.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]);
  return make("dl", { className: "facts" }, ...cells);
}

function exploration({ propensity = 1 }) {
  if (propensity === 1) return words.unexplored;
  return (propensity < LIKELY ? words.explored : words.byScore)(`${number(propensity * 100, 1)} %`);
}

function question(answer) {
  const input = make("input", { type: "text", placeholder: words.askId, ariaLabel: words.askId, required: true });
  const send = button({ type: "submit", className: "plain" }, words.askIt);
  const form = make("form", { className: "ask" }, make("h3", {}, words.ask), keyed("ask", input), send);
  form.onsubmit = (event) => {
    event.preventDefault();
    const id = input.value.trim();
    return draw(answer, id, answer.slate.placements.find(({ item }) => item.id === id));
  };
  return form;
}

function timings({ slate, took }) {
  const stages = Object.entries(slate.timings);
  const longest = Math.max(...stages.map(([, time]) => time));
  const row = (className, label, time, bar) =>
    make("tr", { className },
      make("th", { scope: "row" }, label),
      make("td", {}, bar),
      make("td", {}, words.milliseconds(number(time, 2))));
  const rows = stages.map(([stage, time]) => {
    const bar = make("span", { className: "share" });
    bar.style.setProperty("--share", time / longest);
    return row("", words.stages[stage] || stage, time, bar);
  });
  const total = stages.reduce((sum, [, time]) => sum + time, 0);
  rows.push(row("whole", words.inAll, total), row("whole", words.trip, took));
  return make("section", {},
    make("h3", {}, words.took),
    make("table", { className: "stages" }, make("tbody", {}, ...rows)));
}

function answered({ slate, request }) {
  const rows = [
    [words.surface, request.surface],
    [words.releaseName, slate.release],
    [words.variant, slate.variant],
    [words.slate, slate.id],
  ];
  return make("section", {},
    make("h3", {}, words.answered),
    make("p", {}, words.shownOf(number(slate.placements.length), number(slate.total))),
    facts(rows.filter(([, text]) => text)),
    ...slate.notes.map((note) => spoken("p", note, { className: "soft" })));
}
