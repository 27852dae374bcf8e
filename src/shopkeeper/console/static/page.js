// The page at "/": search as you type, shelves, products, and why each item is there.
// Everything the shop says is put in as text, never as HTML.

import { language, switchLanguage, words } from "./words.js";

const $ = (id) => document.getElementById(id);
const PAGE = 24;
const state = { shopper: {}, session: name(), cart: [], query: "", chosen: new Map(), low: "", high: "", size: PAGE, facets: [] };

// --- talking to the shop ---

class Refused extends Error {}

async function ask(path, body, signal) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal };
  let answer;
  try {
    answer = await fetch(path, options || { signal });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Refused(words.unreachable);
  }
  const said = await answer.json();
  if (answer.ok) return said;
  const { what, expected, remedy } = said.error;
  throw new Refused([what, expected, remedy].filter(Boolean).join(" · "));
}

function notice(text) {
  $("notice").textContent = text || "";
  $("notice").hidden = !text;
}

// A stage of the page that a newer one may overtake: only the last to start may draw.
function latest(work) {
  let running;
  return async (...given) => {
    running?.abort();
    const mine = (running = new AbortController());
    try {
      await work(mine.signal, ...given);
    } catch (error) {
      if (mine.signal.aborted) return;
      if (!(error instanceof Refused)) throw error;
      notice(error.message);
    }
  };
}

function person() {
  return { ...(state.shopper.user && { user: state.shopper.user }), session: state.shopper.session || state.session };
}

async function tell(type, item, slate) {
  await ask("/v1/events", { id: name(), type, item: item.id, ...person(), ...slate });
}

function name() {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("");
}

// --- drawing ---

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function title(item) {
  return item.attributes?.[`title_${language}`] || item.title || item.id;
}

function money(item) {
  if (item.price == null) return "";
  const digits = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  try {
    return new Intl.NumberFormat(language, item.currency ? { style: "currency", currency: item.currency } : digits).format(item.price);
  } catch {
    return `${item.price.toFixed(2)} ${item.currency}`;
  }
}

function picture(item) {
  if (!/^(https?:\/\/|\/)/.test(item.image || "")) return drawn(item);
  const image = make("img", { src: item.image, alt: "", loading: "lazy", referrerPolicy: "no-referrer" });
  image.onerror = () => image.replaceWith(drawn(item));
  return image;
}

// Where there is no picture: the initial, in a colour of the item's category.
function drawn(item) {
  const label = item.categories?.at(-1) || item.brand || "";
  const hue = [...label].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 20);
  const svg = (tag, attributes) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  };
  const root = svg("svg", { viewBox: "0 0 100 100", role: "presentation" });
  const letter = svg("text", { x: 50, y: 64, "text-anchor": "middle", "font-size": 40, "font-weight": 600, fill: `hsl(${hue} 45% 42%)` });
  letter.textContent = [...title(item)][0]?.toUpperCase() || "?";
  root.append(svg("rect", { width: 100, height: 100, fill: `hsl(${hue} 45% 90%)` }), svg("circle", { cx: 50, cy: 50, r: 34, fill: `hsl(${hue} 50% 82%)` }), letter);
  return root;
}

function card(placement, slate, request) {
  const { item, reasons } = placement;
  const node = $("card").content.firstElementChild.cloneNode(true);
  const part = (selector) => node.querySelector(selector);
  part(".picture").append(picture(item));
  part(".title").textContent = title(item);
  part(".price").textContent = item.available === false ? words.out : money(item);
  part(".maker").textContent = item.brand || "";
  part(".reason").textContent = reasons[0]?.text || "";
  part(".open").onclick = () => open(item, { slate: slate.id, position: placement.position });
  part(".why").textContent = words.why;
  part(".why").onclick = async () => {
    try {
      part(".reason").textContent = (await ask(`/v1/explain?${address(item, request)}`)).text;
    } catch (error) {
      notice(error.message);
    }
    part(".why").hidden = true;
  };
  return node;
}

function address(item, { items = [], facets, size, offset, sort, ...request }) {
  const fields = new URLSearchParams({ item: item.id, ...request });
  for (const anchor of items) fields.append("items", anchor);
  return fields;
}

// --- search ---

const search = latest(async (signal) => {
  const request = { surface: "search", query: state.query, ...person(), filter: filter(), sort: $("sort").value, size: state.size };
  request.facets = request.filter ? state.facets.map((facet) => facet.name) : ["*"];
  const slate = await ask("/v1/search", request, signal);
  show("results");
  notice(slate.placements.length ? "" : words.none);
  $("count").textContent = words.results(slate.total);
  $("found").replaceChildren(...slate.placements.map((placement) => card(placement, slate, request)));
  $("more").hidden = slate.placements.length >= slate.total;
  if (!request.filter) state.facets = slate.facets || [];
  const counts = new Map((slate.facets || []).map(({ name, values = [] }) => [name, new Map(values.map(({ value, count }) => [value, count]))]));
  $("facets").replaceChildren(...state.facets.map((facet) => choices(facet, counts.get(facet.name) || new Map())));
});

function filter() {
  const parts = [...state.chosen].filter(([, values]) => values.size).map(([field, values]) => `${quoted(field)} in [${[...values].map(quoted)}]`);
  if (state.low !== "") parts.push(`price >= ${Number(state.low)}`);
  if (state.high !== "") parts.push(`price <= ${Number(state.high)}`);
  return parts.join(" and ");
}

function quoted(text) {
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}

// What can be chosen stays what it was before the first choice; only the counts follow the choices made. Within a field
// that has a choice, the other values are alternatives, whose counts the answer does not say.
function choices({ name: field, values = [], minimum, maximum }, counts) {
  const group = make("fieldset", {}, make("legend", { textContent: field === "price" ? words.price : field }));
  if (field === "price" && minimum != null) group.append(bound("low", words.from, minimum), " ", bound("high", words.to, maximum));
  const chosen = state.chosen.get(field) || new Set();
  for (const { value } of values.slice(0, 12)) {
    const box = make("input", { type: "checkbox", checked: chosen.has(value) });
    box.onchange = () => {
      box.checked ? chosen.add(value) : chosen.delete(value);
      state.chosen.set(field, chosen);
      search();
    };
    const count = counts.get(value) ?? (chosen.size ? "" : 0);
    group.append(make("label", {}, box, value, make("span", { className: "n", textContent: count })));
  }
  return group.childElementCount > 1 ? group : "";
}

function bound(end, label, value) {
  const input = make("input", { type: "number", min: 0, step: "any", value: state[end], placeholder: Math[end === "low" ? "floor" : "ceil"](value), ariaLabel: label });
  input.onchange = () => {
    state[end] = input.value;
    search();
  };
  return input;
}

// --- shelves and products ---

async function shelf(surface, heading, items, signal) {
  const request = { surface, ...person(), ...(items.length && { items }), size: 12 };
  const slate = await ask(`/v1/shelves/${surface}`, request, signal);
  const standIn = surface === "recent" && !slate.placements.some(({ reasons }) => reasons.some(({ source }) => source === surface));
  if (standIn || !slate.placements.length) return "";
  const row = make("div", { className: "row" }, ...slate.placements.map((placement) => card(placement, slate, request)));
  return make("section", { className: "shelf" }, make("h2", { textContent: heading }), row);
}

const shelves = latest(async (signal) => {
  const known = ["home", "recent", "popular", "new"].map((surface) => shelf(surface, words[surface], [], signal));
  if (state.cart.length) known.splice(1, 0, shelf("cart", words.yours, state.cart.slice(-20), signal));
  const drawn = (await Promise.all(known)).filter(Boolean);
  show("shelves");
  notice(drawn.length ? "" : words.empty);
  $("shelves").replaceChildren(...drawn);
});

const product = latest(async (signal, id) => {
  const item = await ask(`/v1/items/${encodeURIComponent(id)}`, null, signal);
  notice("");
  $("product").replaceChildren(make("div", { className: "picture" }, picture(item)), details(item));
  $("shelves").replaceChildren();
  show("product", "shelves");
  scrollTo({ top: 0 });
  const around = [shelf("similar", words.similar, [id], signal), shelf("cart", words.goes, [id], signal)];
  $("shelves").replaceChildren(...(await Promise.all(around)).filter(Boolean));
});

function details(item) {
  const back = make("button", { className: "plain", type: "button", textContent: words.back });
  back.onclick = () => history.back();
  const buy = make("button", { className: "buy", type: "button", textContent: words.add });
  buy.onclick = async () => {
    buy.textContent = words.added;
    state.cart.push(item.id);
    drawCart();
    await tell("cart", item).catch((error) => notice(error.message));
  };
  const facts = Object.entries(item.attributes || {}).filter(([key, value]) => typeof value !== "object" && !/^(title|description)_[a-z]{2}$/.test(key));
  const list = make("dl", {}, ...facts.slice(0, 40).flatMap(([key, value]) => [make("dt", { textContent: key }), make("dd", { textContent: value })]));
  const line = [item.brand, (item.categories || []).join(" › ")].filter(Boolean).join(" · ");
  return make("div", {}, back, make("h1", { textContent: title(item) }), make("p", { textContent: line }),
    make("p", { className: "price", textContent: money(item) }), buy,
    make("p", { className: "text", textContent: item.attributes?.[`description_${language}`] || item.description || "" }), list);
}

async function open(item, slate) {
  await tell("view", item, slate).catch((error) => notice(error.message));
  location.hash = `#/item/${encodeURIComponent(item.id)}`;
}

// --- the page ---

function show(...parts) {
  for (const part of ["results", "product", "shelves"]) $(part).hidden = !parts.includes(part);
}

function route() {
  const [, kind, rest = ""] = location.hash.split("/");
  const value = decodeURIComponent(rest);
  if (kind === "item") return product(value);
  state.query = kind === "search" ? value : "";
  if ($("query").value.trim() !== state.query) $("query").value = state.query;
  return state.query ? search() : shelves();
}

function typed() {
  const query = $("query").value.trim();
  if (query === state.query && !location.hash.startsWith("#/item")) return;
  Object.assign(state, { chosen: new Map(), low: "", high: "", size: PAGE });
  const inSearch = location.hash.startsWith("#/search");
  const target = query ? `#/search/${encodeURIComponent(query)}` : "#";
  history[inSearch ? "replaceState" : "pushState"](null, "", target);
  route();
}

function drawCart() {
  $("cart").textContent = `${words.cart} ${state.cart.length || ""}`;
}

async function start() {
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-says]")) node.textContent = words[node.dataset.says];
  Object.assign($("query"), { placeholder: words.search, ariaLabel: words.search });
  $("language").textContent = words.other;
  $("more").textContent = words.more;
  for (const [key, label] of [["", "relevance"], ["price", "cheap"], ["-price", "dear"], ["-launched", "latest"]])
    $("sort").append(make("option", { value: key, textContent: words[label] }));
  drawCart();

  let timer;
  $("query").oninput = () => {
    clearTimeout(timer);
    timer = setTimeout(typed, 150);
  };
  $("search").onsubmit = (event) => {
    event.preventDefault();
    clearTimeout(timer);
    typed();
  };
  $("more").onclick = () => {
    state.size += PAGE;
    search();
  };
  $("sort").onchange = search;
  $("language").onclick = switchLanguage;
  $("cart").onclick = () => (location.hash = "#");
  $("name").onclick = () => ($("query").value = "");
  addEventListener("hashchange", route);

  try {
    const [health, people] = await Promise.all([ask("/v1/health"), ask("/v1/shoppers")]);
    document.title = $("name").textContent = health.shop;
    drawShoppers(people);
  } catch (error) {
    notice(error.message);
  }
  route();
}

function drawShoppers(people) {
  const label = ({ user, session, likes = [], events }) => `${user || session} · ${likes.join(", ") || words.events(events)}`;
  $("shopper").replaceChildren(make("option", { textContent: words.newcomer }), ...people.map((one) => make("option", { textContent: label(one) })));
  $("shopper").onchange = () => {
    Object.assign(state, { shopper: people[$("shopper").selectedIndex - 1] || {}, session: name(), cart: [] });
    drawCart();
    route();
  };
}

start();
