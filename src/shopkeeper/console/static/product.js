// One product: picture, facts, and what stands beside it.

import { addressOf } from "./address.js";
import { heart, shelf, shelves, wayTo } from "./cards.js";
import { $, button, icon, keyed, make, notice, redraw, say } from "./dom.js";
import { descriptionOf, itemOf, money, picture, spoken, titleOf } from "./item.js";
import { quantityOf, setQuantity, who } from "./person.js";
import { tell } from "./shop.js";
import { number, words } from "./words.js";

const FACTS = 40;
const TRANSLATED = /_[a-z]{2}$/; // "title_zh": said elsewhere

// `arrived`: whether the person has just come here, and not the page been drawn again.
export async function product(signal, id, arrived) {
  const item = await itemOf(id, signal);
  const told = arrived ? tell({ type: "view", item: id, ...who(), ...wayTo(item) }) : null;
  const around = make("div", { ariaBusy: "true" });
  document.title = `${titleOf(item)} · ${$("name").textContent}`;
  const article = make("article", { className: "product" }, picture(item, "eager"), details(item));
  redraw($("main"), path(item), article, around);
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
  const links = categories.map((label) => make("li", {}, spoken("a", label, { href: addressOf("search", label) })));
  return make("nav", { className: "path", ariaLabel: words.browse }, make("ol", { role: "list" }, ...links));
}

function details(item) {
  const title = titleOf(item);
  const text = descriptionOf(item);
  const stock = item.available === false ? words.out : item.stock ? words.left(number(item.stock)) : "";
  const price = make("span", { className: "price" }, money(item.price, item.currency));
  return make("div", { className: "details" },
    item.brand && spoken("p", item.brand, { className: "maker" }),
    spoken("h1", title, { tabIndex: -1 }),
    make("p", { className: "meta" }, price, make("span", {}, stock)),
    make("div", { className: "actions" }, addButton(item), heart(item)),
    text && spoken("p", text, { className: "text" }),
    facts(item));
}

function addButton(item) {
  const node = button({ className: "main", disabled: item.available === false });
  const draw = () => {
    const quantity = quantityOf(item.id);
    node.replaceChildren(icon("basket"), quantity ? words.inCart(number(quantity)) : words.add);
  };
  node.onclick = async () => {
    setQuantity(item.id, quantityOf(item.id) + 1);
    draw();
    say(words.added(titleOf(item)));
    await tell({ type: "cart", item: item.id, quantity: 1, price: item.price, ...who(), ...wayTo(item) });
  };
  draw();
  return keyed("add", node);
}

function facts({ attributes = {} }) {
  const plain = ([name, value]) => typeof value !== "object" && !TRANSLATED.test(name);
  const told = Object.entries(attributes).filter(plain);
  if (!told.length) return null;
  const cells = told.slice(0, FACTS).flatMap(([name, value]) => [
    make("dt", {}, words.fields[name] || name),
    spoken("dd", String(value)),
  ]);
  const heading = make("h2", { className: "small" }, words.facts);
  return make("section", { ariaLabel: words.facts }, heading, make("dl", { className: "facts" }, ...cells));
}
