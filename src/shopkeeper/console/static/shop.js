// Talking to the shop. Addresses are relative, so that the page works below any path.

import { words } from "./words.js";

// What the shop, or the way to it, refused. `status` is 0 where nothing answered.
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

let key = givenKey();

export async function ask(path, body, signal, method = body ? "POST" : "GET") {
  const headers = { ...(key && { Authorization: `Bearer ${key}` }) };
  const options = { method, ...(body && { body: JSON.stringify(body) }) };
  if (body) headers["Content-Type"] = "application/json";
  let answer, said;
  try {
    answer = await fetch(path, { ...options, headers, signal });
    said = await answer.json();
  } catch (error) {
    throw error.name === "AbortError" ? error : new Refused(words.unreachable, 0);
  }
  if (answer.ok) return said;
  const { what, expected, remedy } = said.error || { what: said.status };
  throw new Refused([what, expected, remedy].filter(Boolean).join(" · "), answer.status);
}

// What the shop leaves out of a slate, where it is empty.
const EMPTY = { placements: [], total: 0, facets: [], matched: [], understood: [], notes: [], timings: {} };

// A slate with what a page wants to say of it: the request it answers, and the milliseconds from asking to having it.
export async function answerOf(request, signal) {
  const { surface, ...body } = request;
  const asked = performance.now();
  const path = surface === "search" ? "v1/search" : `v1/shelves/${encodeURIComponent(surface)}`;
  const slate = await ask(path, body, signal);
  return { slate: { ...EMPTY, ...slate }, request, took: performance.now() - asked };
}

export function tell(...events) {
  return ask("v1/events", events.map((event) => ({ id: token(), ...event })));
}

// 128 bits of chance, as nobody may guess a session: what was searched for in one is told to whoever names it.
export function token() {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("");
}

// A picture of our own has an address below this page; others are addressed where they lie.
export function pictureAddress(image) {
  return /^https?:\/\//.test(image || "") ? image : /^\//.test(image || "") ? image.replace(/^\/(?=v1\/)/, "") : "";
}

export function useKey(given) {
  key = given;
  try { sessionStorage.setItem("key", given); } catch { /* a private window keeps nothing */ }
}

// From ?key=, which then leaves the address, or from a meta element, or as it was given before.
function givenKey() {
  const fields = new URLSearchParams(location.search);
  const given = fields.get("key") || document.querySelector("meta[name=key]")?.content;
  if (!given) {
    try { return sessionStorage.getItem("key"); } catch { return null; }
  }
  fields.delete("key");
  history.replaceState(null, "", `${location.pathname}${fields.size ? `?${fields}` : ""}${location.hash}`);
  try { sessionStorage.setItem("key", given); } catch { /* as above */ }
  return given;
}
