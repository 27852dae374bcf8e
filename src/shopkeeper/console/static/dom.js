// Making and replacing nodes. Everything the shop says becomes text, never HTML.

export const $ = (id) => document.getElementById(id);

// Children are nodes and texts; what is empty is passed over.
export function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.filter((child) => child));
  return node;
}

export function icon(name) {
  const [svg, use] = ["svg", "use"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  svg.classList.add("icon");
  svg.ariaHidden = "true";
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

export function button(properties, ...children) {
  return make("button", { type: "button", ...properties }, ...children);
}

// A key names a node across redraws, so that the focus finds it again.
export function keyed(key, node) {
  node.dataset.key = key;
  return node;
}

function byKey(parent, key) {
  return parent.querySelector(`[data-key="${CSS.escape(key)}"]`);
}

// Put new children into `parent`; what had the focus has it again, or else the region around it.
export function redraw(parent, ...children) {
  const focused = document.activeElement;
  const within = parent.contains(focused) && focused !== parent;
  parent.replaceChildren(...children.filter((child) => child));
  if (!within) return;
  const again = (focused.dataset.key && byKey(parent, focused.dataset.key)) || parent.closest("main, dialog");
  again?.focus({ preventScroll: true });
}

// For those who hear the page; `notice` is for all, until there is another or "".
export function say(text) {
  $("status").textContent = text;
}

export function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

// Work that a newer call overtakes: only the last to start may draw. It is given an AbortSignal first.
export function latest(work) {
  let running;
  return async (...given) => {
    running?.abort();
    const mine = (running = new AbortController());
    try {
      await work(mine.signal, ...given);
    } catch (error) {
      if (!mine.signal.aborted) throw error;
    }
  };
}
