// The dialog with the settings, kept for this tab.
import { store, stored } from "./conversation.js";

const at = (id) => document.getElementById(id);
const NAMES = ["system", "temperature", "top_p", "tokens", "seed"];

for (const [name, value] of Object.entries(stored("settings"))) if (NAMES.includes(name)) at(name).value = value;
at("key").value = sessionStorage.getItem("key") ?? "";
at("settings").addEventListener("change", () => store("settings", Object.fromEntries(NAMES.map((name) => [name, at(name).value]))));
at("knobs").addEventListener("click", () => at("dialog").showModal());
at("dialog").addEventListener("click", (event) => event.target === at("dialog") && at("dialog").close()); // beside it

export function key() {
  return at("key").value.trim();
}

export function onKey(look) {
  at("key").addEventListener("change", () => {
    sessionStorage.setItem("key", key());
    look();
  });
}

export function askForKey() {
  if (!at("dialog").open) at("dialog").showModal();
  at("key").focus();
}

export function system() {
  return at("system").value.trim();
}

// Fields of a request; an empty or impossible number is left to the server's own default.
export function sampling(tries) {
  const numbers = { temperature: number("temperature"), top_p: number("top_p"), seed: number("seed") };
  if (numbers.seed !== undefined) numbers.seed += tries; // the same seed would give the same answer again
  return Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== undefined));
}

export function longestAnswer() {
  return number("tokens") ?? 200;
}

function number(id) {
  return at(id).value !== "" && at(id).validity.valid ? at(id).valueAsNumber : undefined;
}
