// The cart: what lies in it, what goes with it, and buying.

import { addressOf } from "./address.js";
import { shelf, wayTo } from "./cards.js";
import { $, button, icon, keyed, latest, make, redraw, say } from "./dom.js";
import { drawer } from "./drawer.js";
import { inTongue, itemOf, money, picture, titleOf } from "./item.js";
import { cart, emptyCart, quantityOf, setQuantity, who } from "./person.js";
import { tell, token } from "./shop.js";
import { number, words } from "./words.js";

const ANCHORS = 20; // of what lies in the cart, that suggest what goes with it

export function openCart() {
  $("basket").showModal();
  return drawCart(words.emptyCart);
}

const drawCart = latest(async (signal, ifEmpty) => {
  const lines = await linesOf(signal);
  const beside = make("div");
  const content = lines.length ? [list(lines), sum(lines)] : [make("p", { className: "panel" }, ifEmpty)];
  drawer($("basket"), words.basket, ...content, beside);
  if (!lines.length) return;
  const items = lines.map(({ item }) => item.id).slice(-ANCHORS);
  const goes = await shelf("cart", words.goes, signal, { items, size: 6, level: 3 });
  if (goes) redraw(beside, goes.node);
});

// What is no longer sold has left the cart by itself.
async function linesOf(signal) {
  const known = cart().map(async ({ id, quantity }) => ({ item: await itemOf(id, signal), quantity }));
  return (await Promise.allSettled(known)).map(({ value }) => value).filter(Boolean);
}

function list(lines) {
  return make("ul", { className: "lines", role: "list" }, ...lines.map(line));
}

function line({ item, quantity }) {
  const title = titleOf(item);
  const link = keyed(`line ${item.id}`, make("a", { href: addressOf("item", item.id) }, title));
  const price = item.price == null ? null : item.price * quantity;
  const step = (name, label, change) => {
    const node = button({ className: "tool", ariaLabel: label(title) }, icon(name));
    node.onclick = () => changeBy(item, change);
    return keyed(`${name} ${item.id}`, node);
  };
  return make("li", {},
    picture(item),
    inTongue(make("h3", { className: "title" }, link), title),
    make("span", { className: "price" }, money(price, item.currency)),
    make("span", { className: "steps" },
      step("minus", words.less, -1),
      make("span", { className: "quantity" }, number(quantity)),
      step("plus", words.plus, 1),
      step("close", words.drop, -quantity)));
}

async function changeBy(item, change) {
  setQuantity(item.id, quantityOf(item.id) + change);
  const type = change > 0 ? "cart" : "uncart";
  const told = tell({ type, item: item.id, quantity: Math.abs(change), price: item.price, ...who(), ...wayTo(item) });
  await drawCart(words.emptyCart);
  await told;
}

function sum(lines) {
  const totals = new Map(); // prices in several currencies do not add up
  for (const { item, quantity } of lines) {
    if (item.price != null) totals.set(item.currency, (totals.get(item.currency) || 0) + item.price * quantity);
  }
  const text = [...totals].map(([currency, total]) => money(total, currency)).join(" + ");
  const buy = keyed("buy", button({ className: "main", onclick: () => order(lines) }, words.buy));
  const total = make("p", {}, words.total, " ", make("strong", { className: "price" }, text));
  return make("div", { className: "sum" }, total, buy);
}

async function order(lines) {
  const bought = { type: "purchase", order: token(), ...who() };
  await tell(...lines.map(({ item, quantity }) => ({ ...bought, item: item.id, quantity, price: item.price })));
  emptyCart();
  say(words.thanks);
  await drawCart(words.thanks);
}
