// Search: results as they are typed, narrowed and sorted. The address says how.

import { addressOf, go } from "./address.js";
import { bannersOf, grid, howButton, shelf } from "./cards.js";
import { $, button, keyed, make, redraw, say } from "./dom.js";
import { chips, choicesOf, drawFacets, refinementsOf, understoodChips } from "./facets.js";
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
  const refinements = refinementsOf(chosen);
  const verbatim = fields.has("verbatim");
  const request = { surface: "search", query, ...who(), refinements, sort, size, verbatim, facets: ["*"],
    without: fields.getAll("not") };
  const answer = await answerOf(request, signal);
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
    readAs(answer.slate, query, fields),
    understoodChips(answer.slate.understood, fields, narrow),
    chips(chosen, fields, narrow),
    ...bannersOf(answer.slate),
    answer.slate.placements.length ? grid(answer) : await nothing(query, signal),
    moreButton(answer, fields));
  const facets = drawFacets(answer.slate.facets || [], chosen, fields, narrow);
  redraw($("main"), make("div", { className: "search" }, facets, found));
}

// How the words were read, where not as they were written, and the way to another reading.
function readAs({ corrected, did_you_mean: meant, dropped }, query, fields) {
  const link = (text, ...address) => keyed(`read ${text}`, make("a", { href: addressOf(...address) }, text));
  const said = [];
  if (corrected) {
    const insisting = new URLSearchParams(fields);
    insisting.set("verbatim", "1");
    said.push(make("p", {}, ...words.readAs(make("strong", {}, corrected), link(query, "search", query, insisting))));
  }
  if (meant) said.push(make("p", {}, ...words.meant(link(meant, "search", meant))));
  if (dropped?.length) said.push(make("p", {}, words.dropped(dropped)));
  return said.length ? make("div", { className: "soft read" }, ...said) : null;
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
