// What the shop suggests below the search box while one types: a combobox with a list, as the ARIA practices have it.

import { addressOf, go } from "./address.js";
import { $, icon, latest, make } from "./dom.js";
import { who } from "./person.js";
import { ask, Refused, tell } from "./shop.js";
import { words } from "./words.js";

const PAUSE_MS = 80, SIZE = 6;
let choices = []; // of each option, from the top: what Enter does, and what Delete does
let chosen = -1;
let pause, wanted;

const fetchThese = latest(async (signal) => {
  const typed = $("query").value;
  const fields = new URLSearchParams({ q: typed, size: SIZE, ...who() });
  try {
    draw(await ask(`v1/suggest?${fields}`, null, signal));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (!signal.aborted) close(); // the search itself says what is wrong
  }
});

export function listenToTyping() {
  const query = $("query");
  query.addEventListener("input", soon);
  query.addEventListener("focus", () => query.value || soon());
  query.addEventListener("blur", close);
  query.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const open = !$("suggestions").hidden;
    if (open && event.key === "ArrowDown") choose(chosen + 1);
    else if (open && event.key === "ArrowUp") choose(chosen - 1);
    else if (open && event.key === "Escape") close();
    else if (open && event.key === "Enter" && chosen >= 0) choices[chosen].deed();
    else if (open && event.key === "Delete" && choices[chosen]?.undo) choices[chosen].undo();
    else return;
    event.preventDefault();
  });
  $("suggestions").onmousedown = (event) => event.preventDefault(); // the focus stays in the box
  $("search").addEventListener("submit", () => {
    close();
    remember(query.value);
  });
}

export function close() {
  clearTimeout(pause);
  wanted = false;
  empty();
}

function empty() {
  choices = [];
  $("suggestions").hidden = true;
  $("suggestions").replaceChildren();
  choose(-1);
  $("query").ariaExpanded = "false";
}

function soon() {
  clearTimeout(pause);
  wanted = true;
  pause = setTimeout(fetchThese, PAUSE_MS);
}

function draw({ recent = [], queries = [], categories = [], brands = [] }) {
  if (!wanted || document.activeElement !== $("query")) return;
  empty(); // and what was typed since is still asked for
  const own = new Set(recent.map(({ text }) => text.toLowerCase()));
  const others = queries.filter(({ text, category }) => category || !own.has(text.toLowerCase()));
  const groups = [
    group(words.suggested.recent, recent.map((each) => [each, () => search(each.text), () => forget(each.text)])),
    group(words.suggested.queries, others.map((each) => [each, () => search(each.text, narrowed("category", each.category))])),
    group(words.suggested.categories, categories.map((each) => [each, () => search(each.text, narrowed("category", each.text))])),
    group(words.suggested.brands, brands.map((each) => [each, () => search(each.text, narrowed("brand", each.text))])),
  ].filter(Boolean);
  $("suggestions").replaceChildren(...groups);
  $("suggestions").hidden = !groups.length;
  $("query").ariaExpanded = String(groups.length > 0);
}

function group(label, entries) {
  if (!entries.length) return null;
  const heading = make("div", { className: "soft", ariaHidden: "true" }, label);
  return make("div", { role: "group", ariaLabel: label }, heading, ...entries.map((entry) => option(...entry)));
}

function option({ text, start = 0, end = 0, category }, deed, undo) {
  const at = choices.push({ deed, undo }) - 1;
  const said = make("span", {}, make("b", {}, text.slice(0, start)), text.slice(start, end), make("b", {}, text.slice(end)));
  const where = category && make("span", { className: "soft" }, words.suggested.within(category));
  const properties = { id: `suggestion-${at}`, role: "option", ariaSelected: "false", onclick: deed };
  return make("div", properties, said, where, undo && forgetting(text, undo));
}

// No option of its own, which a list box could not hold: by keyboard, Delete does the same, as the name says.
function forgetting(text, undo) {
  const node = make("span", { className: "forget", title: words.suggested.forget(text) }, icon("close"));
  node.onclick = (event) => {
    event.stopPropagation();
    undo();
  };
  return node;
}

async function forget(text) {
  await ask(`v1/suggest/recent?${new URLSearchParams({ q: text, ...who() })}`, null, undefined, "DELETE");
  soon();
}

// Round the list, with the box itself between its end and its beginning.
function choose(at) {
  document.getElementById(`suggestion-${chosen}`)?.setAttribute("aria-selected", "false");
  chosen = at < -1 ? choices.length - 1 : at >= choices.length ? -1 : at;
  const node = document.getElementById(`suggestion-${chosen}`);
  node?.setAttribute("aria-selected", "true");
  node?.scrollIntoView({ block: "nearest" });
  if (node) $("query").setAttribute("aria-activedescendant", node.id);
  else $("query").removeAttribute("aria-activedescendant");
}

function search(text, fields = new URLSearchParams()) {
  $("query").value = text;
  close();
  remember(text);
  go(addressOf("search", text, fields));
}

function narrowed(field, value) {
  return new URLSearchParams(value ? { [`is:${field}`]: value } : {});
}

function remember(text) {
  if (text.trim()) tell({ type: "search", query: text.trim(), ...who() }).catch(() => {});
}
