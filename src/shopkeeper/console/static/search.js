// Search: results as they are typed, narrowed and sorted. The address says how.

import { addressOf, go } from "./address.js";
import { grid, howButton, shelf } from "./cards.js";
import { $, button, keyed, make, redraw, say } from "./dom.js";
import { chips, choicesOf, drawFacets, filterOf, understoodChips } from "./facets.js";
import { who } from "./person.js";
import { answerOf } from "./shop.js";
import { number, words } from "./words.js";

const PAGE = 24, MOST = 500;

// Type, and the results follow: what was only passed through leaves no step to go back to. A sort stays.
export function typed(query, { view, value, fields }) {
  if (query === (view === "search" ? value : "")) return;
  const kept = new URLSearchParams([...fields].filter(([key]) => key === "sort"));
  go(query ? addressOf("search", query, kept) : "#/", { replace: view === "search" && query !== "" });
}

export async function search(signal, { value: query, fields }) {
  const chosen = choicesOf(fields);
  const sort = fields.get("sort") || "";
  const size = Math.min(Number(fields.get("show")) || PAGE, MOST);
  const request = { surface: "search", query, ...who(), filter: filterOf(chosen), sort, size,
    without: fields.getAll("not") };
  const [answer, facets] = await answers(request, chosen, signal);
  const heading = `${words.results(number(answer.slate.total))}${words.of(query)}`;
  document.title = `${query} · ${$("name").textContent}`;
  say(heading);
  const narrow = (changed) => {
    changed.delete("show");
    go(addressOf("search", query, changed));
  };
  const found = make("div", { className: "found" },
    make("div", { className: "bar" },
      make("h1", { tabIndex: -1 }, heading), sorting(fields, narrow), howButton(answer, heading)),
    understoodChips(answer.slate.understood, fields, narrow),
    chips(chosen, fields, narrow),
    answer.slate.placements.length ? grid(answer) : await nothing(query, signal),
    moreButton(answer, fields));
  redraw($("main"), make("div", { className: "search" }, drawFacets(facets, chosen, fields, narrow), found));
}

// What can be chosen stays what it was before the first choice. Within a field that has a choice, the other values are
// alternatives to it: their counts are those of the answer without that choice. A size of 0 asks for counts alone.
async function answers(request, chosen, signal) {
  if (!request.filter) {
    const answer = await answerOf({ ...request, facets: ["*"] }, signal);
    return [answer, answer.slate.facets];
  }
  const { surface, query, without } = request;
  const count = async (filter, facets) =>
    (await answerOf({ surface, query, without, filter, facets, size: 0 }, signal)).slate.facets;
  const fields = [...chosen.values.keys(), ...(chosen.low || chosen.high ? ["price"] : [])];
  const offered = async () => {
    const names = (await count("", ["*"])).map(({ name }) => name);
    const free = names.filter((name) => !fields.includes(name));
    return [names, free.length ? await count(request.filter, free) : []];
  };
  const [answer, [names, free], ...alternatives] = await Promise.all([
    answerOf(request, signal),
    offered(),
    ...fields.map((field) => count(filterOf(chosen, field), [field])),
  ]);
  const counted = new Map([...free, ...alternatives.flat()].map((facet) => [facet.name, facet]));
  return [answer, [...new Set([...names, ...fields])].map((name) => counted.get(name)).filter(Boolean)];
}

function sorting(fields, narrow) {
  const options = Object.entries(words.sorts).map(([value, label]) => make("option", { value }, label));
  const select = keyed("sort", make("select", { ariaLabel: words.sort }, ...options));
  select.value = fields.get("sort") || "";
  select.onchange = () => {
    const changed = new URLSearchParams(fields);
    select.value ? changed.set("sort", select.value) : changed.delete("sort");
    narrow(changed);
  };
  return select;
}

async function nothing(query, signal) {
  const popular = await shelf("popular", words.popular, signal).catch(() => null);
  const told = make("div", { className: "panel" }, make("h2", {}, words.nothing(query)), make("p", {}, words.tryThis));
  return make("div", {}, told, popular?.node);
}

// Keyed as the first card to come: that has the focus afterwards, and whoever goes by keyboard goes on from there.
function moreButton({ slate: { placements, total }, request: { query } }, fields) {
  if (placements.length >= Math.min(total, MOST)) return null;
  const node = keyed(`search ${placements.length + 1}`, button({ className: "more" }, words.more));
  node.onclick = () => {
    const changed = new URLSearchParams(fields);
    changed.set("show", placements.length + PAGE);
    go(addressOf("search", query, changed), { replace: true });
  };
  return node;
}
