// How results are narrowed: values to choose, a price range, and what is chosen as chips to take away.
// `fields` are those of the address: "is:brand" (as often as there are values), "low", "high".

import { button, icon, keyed, make } from "./dom.js";
import { money, spoken } from "./item.js";
import { number, words } from "./words.js";

const PATH = "category_path", BELOW = " > ";
const SHOWN = 8; // values of a facet; what is chosen stands beside them

// { values: Map of field → values, low, high }; low and high are texts, "" where not given.
export function choicesOf(fields) {
  const values = new Map();
  for (const [key, value] of fields) {
    if (key.startsWith("is:")) values.set(key.slice(3), [...(values.get(key.slice(3)) || []), value]);
  }
  return { values, low: figure(fields.get("low")), high: figure(fields.get("high")) };
}

// As a request says it: by field, values of which any may hold.
export function refinementsOf({ values, low, high }) {
  const price = low || high ? { price: [`${low}..${high}`] } : {};
  return { ...Object.fromEntries(values), ...price };
}

export function drawFacets(facets, chosen, fields, narrow) {
  const ways = { price: range, [PATH]: tree };
  const drawn = facets.map((facet) => (ways[facet.name] || options)(facet, chosen, fields, narrow));
  const wide = matchMedia("(min-width: 56rem)").matches;
  const open = document.querySelector(".facets details")?.open ?? wide;
  const summary = keyed("filters", make("summary", {}, make("h2", {}, words.filters)));
  const body = make("div", { className: "fields" }, ...drawn);
  return make("aside", { className: "facets", ariaLabel: words.filters }, make("details", { open }, summary, body));
}

// Of a number with many values, ranges; few stand in their own order.
function options({ name: field, values = [], ranges = [], n_values: many }, chosen, fields, narrow) {
  const taken = chosen.values.get(field) || [];
  if (ranges.length && !(many <= SHOWN)) values = ranges;
  else if (ranges.length) values = [...values].sort((one, other) => one.value - other.value);
  const counts = new Map(values.map(({ value, count }) => [value, count]));
  const offered = [...new Set([...values.slice(0, SHOWN).map(({ value }) => value), ...taken])];
  if (!offered.length) return null;
  const boxes = offered.map((value) => choice(field, value, asSaid(value), counts.get(value), taken.includes(value),
    () => narrow(toggled(fields, field, value))));
  return make("fieldset", {}, make("legend", {}, labelOf(field)), ...boxes);
}

function choice(field, value, text, count = 0, checked, onchange) {
  const box = keyed(`${field}=${value}`, make("input", { type: "checkbox", checked, onchange }));
  const counted = make("span", { className: "count" }, number(count));
  return make("label", {}, box, swatch(field, value), spoken("span", text, { className: "value" }), counted);
}

// The categories as a tree, open below what is chosen. A choice takes the place of those above and below it.
function tree({ name: field, values = [] }, chosen, fields, narrow) {
  if (!values.length) return null;
  const taken = chosen.values.get(field) || [];
  const under = (above) => values.filter(({ value }) => parentOf(value) === above);
  const level = (above) => make("ul", { className: "tree", role: "list" }, ...under(above).map(({ value, count }) => {
    const text = value.split(BELOW).at(-1), checked = taken.includes(value);
    const box = choice(field, value, text, count, checked, () => narrow(moved(fields, field, value)));
    box.querySelector("input").indeterminate = !checked && taken.some((each) => each.startsWith(value + BELOW));
    return make("li", {}, box, under(value).length ? level(value) : null);
  }));
  return make("fieldset", {}, make("legend", {}, labelOf("category")), level(""));
}

// A range as people write it.
function asSaid(value) {
  const [, low, high] = value.match(/^(-?[\d.]*?)\.\.<?(-?[\d.]*)$/) || [];
  if (low === undefined || !(low || high)) return value;
  return low && high ? `${low} – ${high}` : low ? `≥ ${low}` : `< ${high}`;
}

function parentOf(path) {
  return path.split(BELOW).slice(0, -1).join(BELOW);
}

function moved(fields, field, path) {
  const changed = toggled(fields, field, path);
  const related = (other) => other.startsWith(path + BELOW) || path.startsWith(other + BELOW);
  for (const other of fields.getAll(`is:${field}`)) if (related(other)) changed.delete(`is:${field}`, other);
  return changed;
}

function range({ minimum, maximum }, { low, high }, fields, narrow) {
  if (minimum == null && !low && !high) return null;
  const bound = (key, ariaLabel, value, extreme) => {
    const input = make("input", { type: "number", min: 0, step: "any", inputMode: "decimal", value, ariaLabel });
    if (Number.isFinite(extreme)) input.placeholder = extreme;
    input.onchange = () => {
      const changed = new URLSearchParams(fields);
      input.value ? changed.set(key, input.value) : changed.delete(key);
      narrow(changed);
    };
    return keyed(key, input);
  };
  const lowest = bound("low", words.from, low, Math.floor(minimum));
  const highest = bound("high", words.to, high, Math.ceil(maximum));
  const ends = make("div", { className: "range" }, lowest, "–", highest);
  return make("fieldset", {}, make("legend", {}, words.price), ends);
}

// Colours show themselves, where the style sheet's language knows them.
function swatch(field, value) {
  if (!/^colou?r$/i.test(field) || !CSS.supports("color", value)) return null;
  const dot = make("span", { className: "swatch" });
  dot.style.backgroundColor = value;
  return dot;
}

export function chips(chosen, fields, narrow) {
  const textOf = (field, value) => field === PATH ? value.split(BELOW).at(-1) : asSaid(value);
  const said = [...chosen.values].flatMap(([field, values]) =>
    values.map((value) => [textOf(field, value), () => toggled(fields, field, value)]));
  if (chosen.low) said.push([words.atLeast(money(Number(chosen.low))), () => without(fields, "low")]);
  if (chosen.high) said.push([words.atMost(money(Number(chosen.high))), () => without(fields, "high")]);
  if (!said.length) return null;
  const drawn = said.map(([text, changed]) => {
    const chip = button({ className: "pill", ariaLabel: words.remove(text) }, spoken("span", text), icon("close"));
    chip.onclick = () => narrow(changed());
    return chip;
  });
  drawn.push(button({ className: "plain", onclick: () => narrow(cleared(fields)) }, words.clear));
  const items = drawn.map((each) => make("li", {}, each));
  return make("ul", { className: "pills chosen", role: "list", ariaLabel: words.chosen }, ...items);
}

// What the shop read in the query, to take away: then its words are plain words again. `not` in the address refuses it.
export function understoodChips(understood, fields, narrow) {
  if (!understood.length) return null;
  const drawn = understood.map(({ id, field, value, applied }) => {
    const text = field === "sort" ? words.sorts[value] || value : `${labelOf(field)}: ${value}`;
    const title = words.applied[applied];
    const chip = keyed(`not ${id}`, button({ className: "pill", ariaLabel: words.notMeant(text), title },
      spoken("span", text), icon("close")));
    chip.onclick = () => {
      const changed = new URLSearchParams(fields);
      changed.append("not", id);
      narrow(changed);
    };
    return make("li", {}, chip);
  });
  return make("ul", { className: "pills understood", role: "list", ariaLabel: words.understood }, ...drawn);
}

function toggled(fields, field, value) {
  const changed = new URLSearchParams(fields);
  const key = `is:${field}`;
  changed.has(key, value) ? changed.delete(key, value) : changed.append(key, value);
  return changed;
}

function without(fields, key) {
  const changed = new URLSearchParams(fields);
  changed.delete(key);
  return changed;
}

function cleared(fields) {
  return new URLSearchParams([...fields].filter(([key]) => key === "sort"));
}

function labelOf(field) {
  const text = words.fields[field] || field;
  return text.charAt(0).toUpperCase() + text.slice(1).replaceAll("_", " ");
}

function figure(text) {
  return text && Number.isFinite(Number(text)) ? String(Number(text)) : "";
}
