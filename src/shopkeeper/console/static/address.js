// The address after "#" is the whole state of the page: what is looked at, and how it is narrowed.
// #/search/red%20mug?sort=-price&is:brand=Acme, #/item/17, #/favourites, #/

export function here() {
  const [path, fields] = location.hash.slice(1).split("?");
  const [, view, value = ""] = path.split("/");
  return { view: view || "home", value: decoded(value), fields: new URLSearchParams(fields) };
}

export function addressOf(view, value = "", fields = new URLSearchParams()) {
  const narrowed = fields.size ? `?${fields}` : "";
  return `#/${view}${value && `/${encodeURIComponent(value)}`}${narrowed}`;
}

// Go there as if a link had been followed; `replace` leaves no step to go back to.
export function go(address, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", address);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
