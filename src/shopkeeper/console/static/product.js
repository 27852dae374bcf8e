// One product: picture, facts, and what stands beside it.

import { addressOf } from "./address.js";
import { heart, shelf, shelves, wayTo } from "./cards.js";
import { $, button, icon, keyed, make, notice, redraw, say } from "./dom.js";
import { descriptionOf, inTongue, itemOf, money, picture, titleOf } from "./item.js";
import { quantityOf, setQuantity, who } from "./person.js";
import { tell } from "./shop.js";
import { number, words } from "./words.js";

const FACTS = 40;

// `arrived`: whether the person has just come here, and not the page been drawn again.
export async function product(signal, id, arrived) {
  const item = await itemOf(id, signal);
  const told = arrived ? tell({ type: "view", item: id, ...who(), ...wayTo(item) }) : null;
  const around = make("div", { ariaBusy: "true" });
  document.title = `${titleOf(item)} · ${$("name").textContent}`;
  redraw($("main"), path(item), make("article", { className: "product" }, picture(item, "eager"), details(item)), around);
  await told?.catch((error) => notice(error.message)); // so that the shelves know
  const found = await shelves([
    shelf("similar", words.similar, signal, { items: [id] }),
    shelf("cart", words.goes, signal, { items: [id] }),
    shelf("home", words.next, signal),
  ]);
  around.ariaBusy = "false";
  redraw(around, ...found.map(({ node }) => node));
}

function path({ categories = [] }) {
  const links = categories.map((label) => make("li", {}, inTongue(make("a", { href: addressOf("search", label) }, label), label)));
  return make("nav", { className: "path", ariaLabel: words.browse }, make("ol", { role: "list" }, ...links));
}

function details(item) {
  const title = titleOf(item);
  const text = descriptionOf(item);
  const stock = item.available === false ? words.out : item.stock ? words.left(number(item.stock)) : "";
  return make("div", { className: "details" },
    item.brand && inTongue(make("p", { className: "maker" }, item.brand), item.brand),
    inTongue(make("h1", { tabIndex: -1 }, title), title),
    make("p", { className: "meta" }, make("span", { className: "price" }, money(item.price, item.currency)), make("span", {}, stock)),
    make("div", { className: "actions" }, addButton(item), heart(item)),
    text && inTongue(make("p", { className: "text" }, text), text),
    facts(item));
}

function addButton(item) {
  const node = keyed("add", button({ className: "main", disabled: item.available === false }));
  const draw = () => node.replaceChildren(icon("basket"), quantityOf(item.id) ? words.inCart(number(quantityOf(item.id))) : words.add);
  node.onclick = async () => {
    setQuantity(item.id, quantityOf(item.id) + 1);
    draw();
    say(words.added(titleOf(item)));
    await tell({ type: "cart", item: item.id, quantity: 1, price: item.price, ...who(), ...wayTo(item) });
  };
  draw();
  return node;
}

function facts({ attributes = {} }) {
  const told = Object.entries(attributes).filter(([name, value]) => typeof value !== "object" && !/_[a-z]{2}$/.test(name)).slice(0, FACTS);
  if (!told.length) return null;
  const rows = told.flatMap(([name, value]) => [make("dt", {}, words.fields[name] || name), inTongue(make("dd", {}, String(value)), String(value))]);
  return make("section", { ariaLabel: words.facts }, make("h2", { className: "small" }, words.facts), make("dl", { className: "facts" }, ...rows));
}
