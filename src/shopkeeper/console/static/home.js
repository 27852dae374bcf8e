// The first page: shelves for the person who looks. And what they saved.

import { addressOf } from "./address.js";
import { grid, shelf, shelves } from "./cards.js";
import { $, make, redraw } from "./dom.js";
import { itemOf, spoken } from "./item.js";
import { cart, saved, shopper } from "./person.js";
import { words } from "./words.js";

export async function home(signal) {
  const known = ["home", "recent", "popular", "new"].map((surface) =>
    shelf(surface, words[surface], signal, surface === "popular" ? { facets: ["*"] } : {}));
  const items = cart().slice(-20).map(({ id }) => id);
  if (items.length) known.splice(1, 0, shelf("cart", words.yours, signal, { items }));
  const found = await shelves(known);
  const popular = found.find(({ answer }) => answer.request.surface === "popular");
  const categories = popular?.answer.slate.facets.find(({ name }) => name === "category")?.values || [];
  const nodes = found.length ? found.map(({ node }) => node) : [make("p", { className: "panel" }, words.empty)];
  redraw($("main"), welcome(categories.slice(0, 9)), ...nodes);
}

function welcome(categories) {
  const { user, session } = shopper();
  const heading = make("h1", { tabIndex: -1 }, user || session ? words.welcomeBack : words.welcome);
  const links = categories.map(({ value }) =>
    make("li", {}, spoken("a", value, { className: "pill", href: addressOf("search", value) })));
  const list = make("ul", { className: "pills", role: "list" }, ...links);
  const browse = links.length && make("nav", { ariaLabel: words.browse }, list);
  return make("div", { className: "welcome" }, heading, browse);
}

export async function favourites(signal) {
  const settled = await Promise.allSettled(saved().map((id) => itemOf(id, signal)));
  const items = settled.map(({ value }) => value).filter(Boolean);
  const placements = items.map((item, at) => ({ item, position: at + 1, reasons: [] }));
  const found = placements.length
    ? grid({ slate: { placements, matched: [] }, request: { surface: "saved" } })
    : make("p", { className: "panel" }, words.noFavourites);
  redraw($("main"), make("h1", { tabIndex: -1 }, words.favouritesTitle), found);
}
