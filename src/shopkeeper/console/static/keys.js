// The keyboard: "/" to the search, arrows between products, Esc back to the search. Enter is the browser's own.

import { $ } from "./dom.js";

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function listen() {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = document.activeElement;
    const typing = at.matches("input, select, textarea");
    if (event.key === "/" && !typing) return act(event, $("query"));
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && at.closest("main")) return act(event, $("query"));
    if (!(event.key in STEPS)) return;
    if (at === $("query") && event.key === "ArrowDown") return act(event, links()[0]);
    if (at.matches(".title a")) act(event, next(at, ...STEPS[event.key]));
  });
}

function act(event, target) {
  if (!target) return;
  event.preventDefault();
  target.focus();
  target.select?.();
}

function links() {
  return [...$("main").querySelectorAll(".title a")];
}

// Left and right go through the list; up and down to the nearest card of the nearest row; above all is the search.
function next(at, across, down) {
  if (across) {
    const list = [...at.closest("ul").querySelectorAll(".title a")];
    return list[list.indexOf(at) + across];
  }
  const from = at.closest("li").getBoundingClientRect();
  const beyond = links()
    .map((link) => ({ link, box: link.closest("li").getBoundingClientRect() }))
    .filter(({ box }) => (box.top - from.top) * down > 1);
  const distance = ({ box }) => Math.abs(box.top - from.top) * 1e4 + Math.abs(box.left - from.left);
  if (!beyond.length) return down < 0 ? $("query") : null;
  return beyond.reduce((best, each) => (distance(each) < distance(best) ? each : best)).link;
}
