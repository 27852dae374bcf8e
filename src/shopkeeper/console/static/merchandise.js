// The merchandiser's page: the rules, one of them to edit beside what it changes, publishing, and who did what.

import { askForKey } from "./door.js";
import { drawer } from "./drawer.js";
import { $, button, make, notice, redraw, say } from "./dom.js";
import { ruleForm } from "./rule-form.js";
import { drawTrial } from "./rule-trial.js";
import { ask, Refused, token } from "./shop.js";
import { language, number, otherLanguage, switchLanguage, words } from "./words.js";

const TYPING_PAUSE_MS = 250;
const kept = { rules: [], drafts: 0 };
let form = null; // of the rule that is edited
let pause;

async function start() {
  drawHeader();
  try {
    await read();
    open(chosen());
  } catch (error) {
    refused(error);
  }
}

async function read() {
  const [rules, synonyms] = await Promise.all([ask("v1/rules"), ask("v1/synonyms")]);
  kept.rules = rules;
  kept.drafts = [...rules, ...synonyms].filter(({ state }) => state !== "published").length;
  drawHeader();
  drawList();
}

function chosen() {
  const id = decodeURIComponent(location.hash.replace(/^#\/?/, ""));
  return kept.rules.find((entry) => entry.id === id);
}

// --- the list ---

function drawHeader() {
  document.title = words.merchandising;
  $("language").textContent = words.other;
  $("language").lang = otherLanguage();
  $("publish").textContent = words.publish(number(kept.drafts));
  $("publish").disabled = !kept.drafts;
}

function drawList() {
  $("rules").ariaLabel = words.rules;
  const fresh = button({ className: "pill", onclick: () => go("") }, words.newRule);
  const entries = kept.rules.map((entry) => {
    const { name, query, enabled = true } = entry.draft || entry.published;
    const link = make("a", { href: `#/${encodeURIComponent(entry.id)}` }, name || query || entry.id);
    if (form?.entry?.id === entry.id) link.ariaCurrent = "page";
    const state = enabled || entry.state !== "published" ? entry.state : "off";
    return make("li", {}, link, make("span", { className: `state ${state}` }, words.states[state]));
  });
  redraw($("rules"),
    make("div", { className: "bar" }, make("h1", {}, words.rules), fresh),
    entries.length ? make("ul", { role: "list" }, ...entries) : make("p", { className: "soft" }, words.noRules));
}

function go(id) {
  if (location.hash.replace(/^#\/?/, "") === id) return open(chosen());
  location.hash = `/${id}`;
}

// --- one rule ---

function open(entry) {
  form = ruleForm(entry, { changed: tryLater, save, remove });
  form.entry = entry;
  redraw($("rule"), form.node);
  drawList();
  return tryOut();
}

function tryLater() {
  clearTimeout(pause);
  pause = setTimeout(tryOut, TYPING_PAUSE_MS);
}

function tryOut() {
  return drawTrial(form);
}

async function save() {
  const rule = form.rule();
  const id = form.entry?.id || named(rule.name || rule.query);
  const version = form.entry?.version ?? 0;
  await telling(async () => {
    await ask(`v1/rules/${encodeURIComponent(id)}?version=${version}`, { ...rule, id: "" }, null, "PUT");
    await read();
    history.replaceState(null, "", `#/${encodeURIComponent(id)}`);
    open(chosen());
    tell(words.drafted);
  });
}

async function remove() {
  const { id, version } = form.entry;
  await telling(async () => {
    await ask(`v1/rules/${encodeURIComponent(id)}?version=${version}`, null, null, "DELETE");
    await read();
    open(chosen());
    tell(words.removed);
  });
}

// An id that says what the rule is about, and is nobody else's.
function named(text) {
  const plain = text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 60) || "rule";
  return kept.rules.some(({ id }) => id === plain) ? `${plain}-${token().slice(0, 6)}` : plain;
}

// --- publishing, and who did what ---

async function publish() {
  await telling(async () => {
    const { publication } = await ask("v1/curation/publish", {});
    await read();
    open(chosen());
    tell(words.published(number(publication)));
  });
}

async function showHistory() {
  await telling(async () => {
    const lines = await ask("v1/curation/audit?limit=200");
    const newest = Math.max(0, ...lines.map(({ publication = 0 }) => publication));
    drawer($("audit"), words.history, make("ol", { className: "audit", role: "list" }, ...lines.map((line, at) => {
      const first = line.publication && lines[at - 1]?.publication !== line.publication;
      const back = first && line.publication < newest && button({ className: "plain" }, words.goBack);
      if (back) back.onclick = () => revert(line.publication);
      const when = new Date(line.time * 1000).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
      const what = words.deeds[line.deed](line.id, number(line.publication || 0));
      return make("li", {},
        make("p", {}, make("strong", {}, what), back),
        make("p", { className: "soft" }, [when, line.who, line.comment].filter(Boolean).join(" · ")));
    })));
    if (!$("audit").open) $("audit").showModal();
  });
}

async function revert(publication) {
  await telling(async () => {
    await ask("v1/curation/revert", { publication });
    $("audit").close();
    await read();
    open(chosen());
    tell(words.wentBack(number(publication)));
  });
}

function tell(text) {
  notice(text);
  say(text);
}

async function telling(work) {
  notice("");
  try {
    await work();
  } catch (error) {
    refused(error);
  }
}

function refused(error) {
  if (!(error instanceof Refused)) throw error;
  if (error.status === 401) return askForKey($("rule"), start);
  tell(error.message);
}

$("publish").onclick = publish;
$("history").onclick = showHistory;
$("skip").onclick = (event) => {
  event.preventDefault();
  $("rule").querySelector("input")?.focus();
};
$("language").onclick = () => {
  switchLanguage();
  drawHeader();
  open(form?.entry);
};
addEventListener("hashchange", () => open(chosen()));
start();
