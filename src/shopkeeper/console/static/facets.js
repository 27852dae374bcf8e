// How results are narrowed: values to choose, a price range, and what is chosen as chips to take away.
// `fields` are those of the address: "is:brand" (as often as there are values), "low", "high".

import { button, icon, keyed, make } from "./dom.js";
import { money, spoken } from "./item.js";
import { number, words } from "./words.js";

const SHOWN = 8; // values of a facet; what is chosen stands beside them

// { values: Map of field → values, low, high }; low and high are texts, "" where not given.
export function choicesOf(fields) {
  const values = new Map();
  for (const [key, value] of fields) {
    if (key.startsWith("is:")) values.set(key.slice(3), [...(values.get(key.slice(3)) || []), value]);
  }
  return { values, low: figure(fields.get("low")), high: figure(fields.get("high")) };
}

// The filter in the shop's language; `except` names a field that is left free.
export function filterOf({ values, low, high }, except) {
  const parts = [...values]
    .filter(([field]) => field !== except)
    .map(([field, each]) => `${quoted(field)} in [${each.map(quoted)}]`);
  if (low && except !== "price") parts.push(`price >= ${low}`);
  if (high && except !== "price") parts.push(`price <= ${high}`);
  return parts.join(" and ");
}

export function drawFacets(facets, chosen, fields, narrow) {
  const drawn = facets.map((facet) => (facet.name === "price" ? range : options)(facet, chosen, fields, narrow));
  const wide = matchMedia("(min-width: 56rem)").matches;
  const open = document.querySelector(".facets details")?.open ?? wide;
  const summary = keyed("filters", make("summary", {}, make("h2", {}, words.filters)));
  const body = make("div", { className: "fields" }, ...drawn);
  return make("aside", { className: "facets", ariaLabel: words.filters }, make("details", { open }, summary, body));
}

function options({ name: field, values = [] }, chosen, fields, narrow) {
  const taken = chosen.values.get(field) || [];
  const counts = new Map(values.map(({ value, count }) => [value, count]));
  const offered = [...new Set([...values.slice(0, SHOWN).map(({ value }) => value), ...taken])];
  if (!offered.length) return null;
  const boxes = offered.map((value) => {
    const box = keyed(`${field}=${value}`, make("input", { type: "checkbox", checked: taken.includes(value) }));
    box.onchange = () => narrow(toggled(fields, field, value));
    const count = make("span", { className: "count" }, number(counts.get(value) || 0));
    return make("label", {}, box, swatch(field, value), spoken("span", value, { className: "value" }), count);
  });
  return make("fieldset", {}, make("legend", {}, labelOf(field)), ...boxes);
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
  const said = [...chosen.values].flatMap(([field, values]) =>
    values.map((value) => [value, () => toggled(fields, field, value)]));
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

function quoted(text) {
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}
