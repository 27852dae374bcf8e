// The cart: what lies in it, what goes with it, and buying.

import { addressOf } from "./address.js";
import { shelf, wayTo } from "./cards.js";
import { $, button, icon, keyed, latest, make, redraw, say } from "./dom.js";
import { drawer } from "./drawer.js";
import { inTongue, itemOf, money, picture, titleOf } from "./item.js";
import { cart, emptyCart, quantityOf, setQuantity, who } from "./person.js";
import { tell, token } from "./shop.js";
import { number, words } from "./words.js";

let bought = false; // whether the drawer still thanks for the last order

export function openCart() {
  bought = false;
  $("basket").showModal();
  return drawCart();
}

export const drawCart = latest(async (signal) => {
  const known = await Promise.allSettled(cart().map(async ({ id, quantity }) => ({ item: await itemOf(id, signal), quantity })));
  const lines = known.map(({ value }) => value).filter(Boolean);
  const goes = make("div");
  const empty = make("p", { className: "panel" }, bought ? words.thanks : words.emptyCart);
  drawer($("basket"), words.basket, ...(lines.length ? [list(lines), sum(lines)] : [empty]), goes);
  if (!lines.length) return;
  const beside = await shelf("cart", words.goes, signal, { items: lines.map(({ item }) => item.id).slice(-20), size: 6, level: 3 });
  if (beside) redraw(goes, beside.node);
});

function list(lines) {
  return make("ul", { className: "lines", role: "list" }, ...lines.map(line));
}

function line({ item, quantity }) {
  const title = titleOf(item);
  const link = keyed(`line ${item.id}`, make("a", { href: addressOf("item", item.id) }, title));
  const step = (name, label, change) =>
    keyed(`${name} ${item.id}`, button({ className: "tool", ariaLabel: label(title), onclick: () => changeBy(item, change) }, icon(name)));
  return make("li", {},
    picture(item),
    inTongue(make("h3", { className: "title" }, link), title),
    make("span", { className: "price" }, money(item.price == null ? null : item.price * quantity, item.currency)),
    make("span", { className: "steps" },
      step("minus", words.less, -1), make("span", { className: "quantity" }, number(quantity)), step("plus", words.plus, 1),
      step("close", words.drop, -quantity)));
}

async function changeBy(item, change) {
  setQuantity(item.id, quantityOf(item.id) + change);
  const told = tell({ type: change > 0 ? "cart" : "uncart", item: item.id, quantity: Math.abs(change), price: item.price, ...who(), ...wayTo(item) });
  await drawCart();
  await told;
}

function sum(lines) {
  const totals = new Map(); // prices in several currencies do not add up
  for (const { item, quantity } of lines) {
    if (item.price != null) totals.set(item.currency, (totals.get(item.currency) || 0) + item.price * quantity);
  }
  const text = [...totals].map(([currency, total]) => money(total, currency)).join(" + ");
  const buy = keyed("buy", button({ className: "main", onclick: () => order(lines) }, words.buy));
  return make("div", { className: "sum" }, make("p", {}, words.total, " ", make("strong", { className: "price" }, text)), buy);
}

async function order(lines) {
  const name = token();
  await tell(...lines.map(({ item, quantity }) => ({ type: "purchase", item: item.id, quantity, price: item.price, order: name, ...who() })));
  bought = true;
  emptyCart();
  say(words.thanks);
  await drawCart();
}
