// What the page says, in the language chosen.

import en from "./en.js";
import zh from "./zh.js";

const LANGUAGES = { en, zh };

export let language, words;

export function speak(wanted) {
  language = wanted in LANGUAGES ? wanted : "en";
  words = LANGUAGES[language];
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-says]")) node.textContent = words[node.dataset.says];
}

export function otherLanguage() {
  return language === "zh" ? "en" : "zh";
}

export function switchLanguage() {
  speak(otherLanguage());
  try { localStorage.setItem("language", language); } catch { /* a private window keeps nothing */ }
}

export function number(value, digits = 0) {
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
}

function stored() {
  try { return localStorage.getItem("language"); } catch { return null; }
}

speak(stored() || (navigator.language || "en").slice(0, 2));
