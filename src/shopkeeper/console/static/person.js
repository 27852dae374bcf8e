// Who is shopping, what lies in the cart, what was saved for later: kept in this browser, for each person apart.

import { token } from "./shop.js";

const PLACE = `shopkeeper ${location.pathname}`;
const kept = { shopper: {}, carts: {}, saved: {}, ...read(localStorage) };
let session = read(sessionStorage) || token();
write();

export function shopper() {
  return kept.shopper;
}

// The user and session of a request.
export function who() {
  const { user, session: known } = kept.shopper;
  return { ...(user && { user }), session: known || session };
}

export function become(shopper) {
  kept.shopper = shopper;
  session = token();
  write();
}

// What lies in the cart, oldest first: [{ id, quantity }].
export function cart() {
  return (kept.carts[name()] ??= []);
}

export function quantityOf(id) {
  return cart().find((line) => line.id === id)?.quantity || 0;
}

export function setQuantity(id, quantity) {
  const lines = cart();
  const line = lines.find((each) => each.id === id);
  if (line) line.quantity = quantity;
  else lines.push({ id, quantity });
  kept.carts[name()] = lines.filter((each) => each.quantity > 0);
  write();
}

export function emptyCart() {
  kept.carts[name()] = [];
  write();
}

// The ids saved for later.
export function saved() {
  return (kept.saved[name()] ??= []);
}

// Whether the item is saved now.
export function toggleSaved(id) {
  const ids = saved();
  const fresh = !ids.includes(id);
  kept.saved[name()] = fresh ? [...ids, id] : ids.filter((each) => each !== id);
  write();
  return fresh;
}

function name() {
  return `of ${kept.shopper.user || kept.shopper.session || ""}`;
}

function write() {
  try {
    localStorage.setItem(PLACE, JSON.stringify(kept));
    sessionStorage.setItem(PLACE, JSON.stringify(session));
  } catch { /* a private window keeps nothing */ }
  dispatchEvent(new Event("kept"));
}

function read(storage) {
  try {
    return JSON.parse(storage.getItem(PLACE));
  } catch {
    return null;
  }
}
