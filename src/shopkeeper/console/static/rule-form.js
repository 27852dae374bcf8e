// A rule as a form, and back: when it holds, what it does.

import { button, icon, keyed, make, redraw } from "./dom.js";
import { itemOf, titleOf } from "./item.js";
import { words } from "./words.js";

const SURFACES = ["search", "home", "similar", "cart", "new", "popular", "recent"];
const MATCHES = ["contains", "is", "starts", "pattern"];

// `entry`: as the shop keeps it; undefined for a new one. { node, rule(), pins(), togglePin(id) }.
export function ruleForm(entry, { changed, save, remove }) {
  const known = entry?.draft || entry?.published || {};
  const pinned = pinsOf(known);
  const list = make("ol", { className: "pins", role: "list" });
  const fields = make("div");
  const text = (name, value = known[name], more = {}) => field(name, make("input", { type: "text", value: value ?? "", ...more }));
  const banner = known.banner || {};

  const when = group(words.when,
    text("query"),
    field("match", choice(MATCHES, known.match, words.matches)),
    text("surface", known.surface || "search", { required: true }),
    text("audience", (known.audience || []).join(", ")),
    field("since", make("input", { type: "date", value: (known.since || "").slice(0, 10) })),
    field("until", make("input", { type: "date", value: (known.until || "").slice(0, 10) })),
    text("chosen"));
  const what = group(words.what,
    make("div", { className: "wide" }, make("h3", {}, words.ruleFields.pin), list, make("p", { className: "soft" }, words.pinHelp)),
    text("boost"), text("bury"), text("hide"), text("use"), text("redirect"),
    text("bannerText", banner.text), text("bannerImage", banner.image), text("bannerLink", banner.link));
  const more = group(words.moreFields,
    field("strength", make("input", { type: "number", min: "1.1", max: "1000", step: "any", value: known.strength ?? 4 })),
    field("priority", make("input", { type: "number", min: "-1000", max: "1000", step: "1", value: known.priority ?? 0 })),
    field("enabled", make("input", { type: "checkbox", checked: known.enabled ?? true })));
  fields.append(text("name"), when, what, more);

  const at = (name) => fields.querySelector(`[name="${name}"]`);
  at("surface").setAttribute("list", "surfaces");
  const actions = make("div", { className: "actions" },
    button({ type: "submit", className: "main" }, words.saveDraft),
    entry && entry.state !== "removed" && button({ className: "plain", onclick: remove }, words.removeRule));
  const title = make("h2", { tabIndex: -1 }, entry ? known.name || known.query || entry.id : words.newRule);
  const surfaces = make("datalist", { id: "surfaces" }, ...SURFACES.map((value) => make("option", { value })));
  const node = make("form", { className: "rule" }, title, fields, surfaces, actions);
  node.oninput = changed;
  node.onsubmit = (event) => {
    event.preventDefault();
    save();
  };

  function drawPins() {
    redraw(list, ...[...pinned].map(([id, place]) => {
      const position = make("input", { type: "number", min: "1", max: "1000", value: place, ariaLabel: words.pinPlace(id) });
      position.oninput = () => pinned.set(id, position.value);
      const drop = button({ className: "tool", ariaLabel: words.unpin(id), onclick: () => togglePin(id) }, icon("close"));
      const name = make("span", { className: "value" }, id);
      itemOf(id).then((item) => (name.textContent = titleOf(item)), () => name.classList.add("soft"));
      return make("li", {}, position, name, keyed(`unpin ${id}`, drop));
    }));
  }

  function togglePin(id) {
    if (!pinned.delete(id)) pinned.set(id, "");
    drawPins();
    changed();
  }

  drawPins();
  return { node, pins: pinned, togglePin, rule: () => ruleOf(known, pinned, (name) => at(name)) };
}

// The rule that the form says. What it has no field for stays as it was.
function ruleOf(known, pinned, at) {
  const said = (name) => at(name).value.trim();
  const placed = [...pinned].filter(([, place]) => place);
  const moment = (name) => ((known[name] || "").slice(0, 10) === said(name) ? known[name] || "" : said(name));
  return {
    ...known,
    ...Object.fromEntries(["name", "query", "match", "surface", "chosen", "boost", "bury", "hide", "use", "redirect"]
      .map((name) => [name, said(name)])),
    audience: said("audience").split(/[,，、]/).map((name) => name.trim()).filter(Boolean),
    since: moment("since"),
    until: moment("until"),
    pin: [...pinned.keys()].filter((id) => !pinned.get(id)),
    pin_at: Object.fromEntries(placed.map(([id, place]) => [id, Number(place)])),
    banner: { text: said("bannerText"), image: said("bannerImage"), link: said("bannerLink") },
    strength: Number(said("strength")) || 4,
    priority: Number(said("priority")) || 0,
    enabled: at("enabled").checked,
  };
}

// Ids in order, each with its position as text, "" where it takes the next that is free.
function pinsOf({ pin = [], pin_at = {} }) {
  return new Map([...Object.entries(pin_at).map(([id, place]) => [id, String(place)]), ...pin.map((id) => [id, ""])]);
}

function field(name, input) {
  input.name = name;
  const help = words.ruleHelp[name];
  if (help) input.placeholder = help;
  return make("label", { className: input.type === "checkbox" ? "check" : "" }, make("span", {}, words.ruleFields[name]), input);
}

function choice(values, value, labels) {
  const select = make("select", {}, ...values.map((each) => make("option", { value: each }, labels[each])));
  select.value = value || values[0];
  return select;
}

function group(legend, ...fields) {
  return make("fieldset", {}, make("legend", {}, legend), ...fields);
}
