// The page: what the address asks for is drawn into <main>, and the header knows who is shopping.

import { addressOf, here } from "./address.js";
import { byPicture, camera, nameCamera } from "./camera.js";
import { openCart } from "./cart.js";
import { askForKey } from "./door.js";
import { $, button, latest, make, notice, redraw } from "./dom.js";
import { favourites, home } from "./home.js";
import { listen } from "./keys.js";
import { become, cart, saved, shopper } from "./person.js";
import { product } from "./product.js";
import { search, typed } from "./search.js";
import { ask, Refused } from "./shop.js";
import { listenToTyping } from "./suggest.js";
import { number, otherLanguage, switchLanguage, words } from "./words.js";

const TYPING_PAUSE_MS = 120;
const shop = { stand: null, people: [] }; // its name and how it stands; people to try it as
let last = null; // the address drawn last

const show = latest(async (signal, arrived) => {
  const now = here();
  $("main").ariaBusy = "true";
  notice("");
  try {
    if (!shop.stand) await meet();
    document.title = shop.stand.shop;
    if (now.view === "search" && now.value) await search(signal, now);
    else if (now.view === "picture") await byPicture(signal, now);
    else if (now.view === "item") await product(signal, now.value, arrived);
    else if (now.view === "favourites") await favourites(signal);
    else await home(signal);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof Refused)) throw error;
    refused(error);
  }
  $("main").ariaBusy = "false";
});

// After another view is drawn, the focus is where it was left there, or on its heading; never while a person types.
async function route() {
  const now = here();
  const before = last;
  last = now;
  const query = now.view === "search" ? now.value : "";
  if ($("query").value.trim() !== query) $("query").value = query;
  const another = before && (before.view !== now.view || (now.view === "item" && before.value !== now.value));
  await show(!before || another);
  if (!another || last !== now || document.activeElement === $("query")) return;
  const left = before.view === "item" && now.view !== "item" && linkTo(addressOf("item", before.value));
  if (!left) scrollTo({ top: 0 });
  (left || $("main").querySelector("h1"))?.focus();
}

function linkTo(address) {
  return [...$("main").querySelectorAll(".title a")].find((link) => link.getAttribute("href") === address);
}

// --- the shop and its people ---

async function meet() {
  const stands = ask("v1/ready").catch(() => ask("v1/health"));
  const [stand, people] = await Promise.all([stands, ask("v1/shoppers").catch(none)]);
  Object.assign(shop, { stand, people });
  const { user, session } = shopper();
  if ((user || session) && !people.some((one) => same(one, shopper()))) become({});
  drawHeader();
}

// People are shown to the shop's own eyes alone; a visitor whose key does not open them is a newcomer, whoever looked
// from this browser before.
function none(error) {
  if (error.status !== 403) throw error;
  return [];
}

function drawHeader() {
  const { stand, people } = shop;
  if (stand) $("name").textContent = stand.shop;
  if (stand?.release) $("release").textContent = words.release(number(stand.items), stand.release);
  $("query").placeholder = $("query").ariaLabel = words.search;
  $("suggestions").ariaLabel = words.suggested.label;
  nameCamera();
  $("language").textContent = words.other;
  $("language").lang = otherLanguage();
  const label = ({ user, session, likes = [], events }) =>
    [likes.join(", ") || words.events(number(events)), user || session].join(" · ");
  const others = people.map((one, at) => make("option", { value: at, selected: same(one, shopper()) }, label(one)));
  $("shopper").replaceChildren(make("option", { value: "" }, words.newcomer), ...others);
  document.querySelector(".shopper").hidden = !people.length;
  drawCounts();
}

function same(one, other) {
  return one.user === other.user && one.session === other.session;
}

function drawCounts() {
  const badge = (id, count, label) => {
    const node = $(id).querySelector(".badge");
    node.textContent = number(count);
    node.hidden = !count;
    $(id).ariaLabel = label(number(count));
  };
  badge("cart", cart().reduce((sum, { quantity }) => sum + quantity, 0), words.cart);
  badge("favourites", saved().length, words.favourites);
}

// --- what went wrong, in words ---

function refused(error) {
  if (error.status === 401) return askForKey($("main"), show);
  const title = error.status === 503 ? words.noRelease : words.trouble;
  const again = button({ className: "main", onclick: () => show() }, words.again);
  const heading = make("h1", { tabIndex: -1 }, title);
  redraw($("main"), make("div", { className: "panel", role: "alert" }, heading, make("p", {}, error.message), again));
}

// --- the start ---

function start() {
  camera();
  drawHeader();
  listen();
  listenToTyping();
  let pause;
  $("query").oninput = () => {
    clearTimeout(pause);
    pause = setTimeout(() => typed($("query").value.trim(), here()), TYPING_PAUSE_MS);
  };
  $("search").onsubmit = (event) => {
    event.preventDefault();
    clearTimeout(pause);
    typed($("query").value.trim(), here());
  };
  $("skip").onclick = (event) => {
    event.preventDefault();
    $("main").focus();
  };
  $("cart").onclick = openCart;
  $("language").onclick = () => {
    switchLanguage();
    drawHeader();
    show();
  };
  $("shopper").onchange = () => {
    become(shop.people[$("shopper").value] || {});
    show();
  };
  addEventListener("kept", drawCounts);
  addEventListener("hashchange", route);
  addEventListener("unhandledrejection", (event) => {
    if (!(event.reason instanceof Refused)) return;
    event.preventDefault();
    notice(event.reason.message);
  });
  for (const name of ["online", "offline"]) addEventListener(name, () => connected(name === "online"));
  route();
}

function connected(online) {
  notice(online ? "" : words.offline);
  if (online) show();
}

start();
