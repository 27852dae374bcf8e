// What one item looks like: its title, price and picture, and the words in it that were asked for.

import { make } from "./dom.js";
import { ask, pictureAddress } from "./shop.js";
import { language, words } from "./words.js";

const seen = new Map(); // the items that the shop has told of, by id

export function remember(item) {
  seen.set(item.id, item);
  return item;
}

export async function itemOf(id, signal) {
  return seen.get(id) || remember(await ask(`v1/items/${encodeURIComponent(id)}`, null, signal));
}

export function titleOf(item) {
  return translated(item, "title") || item.title || item.id;
}

export function descriptionOf(item) {
  return translated(item, "description") || item.description || "";
}

// An attribute may hold anything, and only a text says something here.
function translated({ attributes = {} }, name) {
  const said = attributes[`${name}_${language}`];
  return typeof said === "string" ? said : "";
}

export function money(price, currency) {
  if (price == null) return "";
  try {
    return new Intl.NumberFormat(language, { style: "currency", currency }).format(price);
  } catch {
    return new Intl.NumberFormat(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(price);
  }
}

// Why an item is there, in the page's language. Reasons name items by the catalogue's title.
export function reasonText({ source, text }, request) {
  const named = text.match(/“(.+)”/)?.[1];
  const item = named && [...seen.values()].find((each) => each.title === named);
  const said = words.because(source, text, item ? titleOf(item) : named, request);
  return said.charAt(0).toUpperCase() + said.slice(1);
}

export function picture(item, loading = "lazy") {
  const frame = make("span", { className: "picture" });
  const address = pictureAddress(item.image);
  if (!address) {
    frame.append(drawn(item));
    return frame;
  }
  const image = make("img", { alt: "", loading, decoding: "async", referrerPolicy: "no-referrer", src: address });
  image.onerror = () => image.replaceWith(drawn(item));
  frame.append(image);
  return frame;
}

// Where there is no picture: the initial, in a colour of the item's category.
function drawn(item) {
  const label = item.categories?.at(-1) || item.brand || "";
  const hue = [...label].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 20);
  const letter = [...titleOf(item)][0].toUpperCase();
  const initial = make("span", { className: "initial", ariaHidden: "true" }, letter);
  initial.style.setProperty("--hue", hue);
  return initial;
}

// A text as nodes, with the words that matched in <mark>. `matched` are folded words of a slate.
export function marked(text, matched) {
  const pattern = matched.length && patternOf(matched);
  if (!pattern) return [text];
  const nodes = [];
  let end = 0;
  for (const found of folded(text).matchAll(pattern)) {
    nodes.push(text.slice(end, found.index), make("mark", {}, text.slice(found.index, found.index + found[0].length)));
    end = found.index + found[0].length;
  }
  return [...nodes, text.slice(end)].filter((node) => node !== "");
}

// Words stand alone, but for those of scripts without spaces.
function patternOf(matched) {
  const longest = [...matched].sort((one, other) => other.length - one.length);
  const spaced = (word) => !/^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u.test(word);
  const edge = "[^\\P{L}\\p{Script=Han}]|\\p{N}"; // a letter that is not Han, or a figure
  const each = longest.map((word) => {
    const plain = word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return spaced(word) ? `(?<!${edge})${plain}(?!${edge})` : plain;
  });
  return new RegExp(each.join("|"), "gu");
}

// As the shop folds texts (width, case, accents), as long as each letter remains one.
function folded(text) {
  return Array.from(text, (letter) => {
    const plain = letter.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    return plain.length === letter.length ? plain : letter;
  }).join("");
}

export function spoken(tag, text, properties) {
  return inTongue(make(tag, properties, text), text);
}

// Words of another language than the page's are marked, so that a screen reader changes its voice.
export function inTongue(node, text) {
  const chinese = /\p{Script=Han}/u.test(text);
  if (chinese && language !== "zh") node.lang = "zh";
  if (!chinese && language === "zh" && /\p{L}/u.test(text)) node.lang = "en";
  return node;
}
