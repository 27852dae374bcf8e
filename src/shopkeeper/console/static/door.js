// What is asked of whoever comes without a key that opens.

import { button, make, redraw } from "./dom.js";
import { useKey } from "./shop.js";
import { words } from "./words.js";

export function askForKey(parent, again) {
  const input = make("input", { type: "password", ariaLabel: words.keyLabel, required: true, autocomplete: "off" });
  const open = button({ type: "submit", className: "main" }, words.keyUse);
  const form = make("form", { className: "panel" }, make("h1", { tabIndex: -1 }, words.keyTitle), input, open);
  form.onsubmit = (event) => {
    event.preventDefault();
    useKey(input.value.trim());
    again();
  };
  redraw(parent, form);
}
