// A drawer is a dialog at the side: the browser keeps the focus in it, and gives it back when it closes.

import { button, icon, keyed, make, redraw } from "./dom.js";
import { words } from "./words.js";

export function drawer(dialog, title, ...content) {
  const close = button({ className: "tool", ariaLabel: words.close, onclick: () => dialog.close() }, icon("close"));
  const heading = make("h2", { id: `${dialog.id}-title` }, title);
  redraw(dialog, make("div", { className: "head" }, heading, keyed("close", close)), ...content);
  dialog.onclick = ({ target }) => (target === dialog || target.closest("a")) && dialog.close(); // beside it, or away
}
