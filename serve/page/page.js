// The chat page: which model answers, what it is asked, and how its answer comes.
import { answer, models } from "./api.js";
import { clear, conversation, keep } from "./conversation.js";
import { onNotice } from "./feedback.js";
import { element } from "./markdown.js";
import { askForKey, key, onKey, system } from "./settings.js";
import { addTurn, showActs, showText, showTurns } from "./turns.js";

const at = (id) => document.getElementById(id);
let known = []; // the models, each version once
let running = null;
let tries = 0; // of the last message

onKey(look);
onNotice(notice);
at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  send(at("text").value.trim());
});
at("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    at("ask").requestSubmit();
  }
});
at("stop").addEventListener("click", () => running?.abort());
document.addEventListener("keydown", (event) => event.key === "Escape" && !at("dialog").open && running?.abort());
at("model").addEventListener("change", () => {
  Object.assign(conversation, { model: at("model").value, first: 0 });
  keep();
  introduce();
});
at("fresh").addEventListener("click", () => {
  running?.abort();
  clear();
  showTurns(again);
  introduce();
  notice("");
  at("text").focus();
});
window.addEventListener("pagehide", keep);
showTurns(again);
look();

async function look() {
  try {
    const rows = await models();
    known = rows.filter((row, number) => rows.findIndex((other) => other.version === row.version) === number);
    at("model").replaceChildren(...known.map((row) => new Option(row.champion ? `${row.version} · champion` : row.version, row.id)));
    if (!known.some((row) => row.id === conversation.model)) conversation.model = known[0].id;
    at("model").value = conversation.model;
    introduce();
    notice("");
  } catch (error) {
    refused(error);
  }
}

function model() {
  return known.find((row) => row.id === at("model").value);
}

// What the model is, and prompts that it knows; shown as long as nothing has been asked.
function introduce() {
  const row = model();
  at("intro").hidden = !row || conversation.turns.length > 0;
  if (!row) return;
  at("text").placeholder = row.answers ? "Write a message" : "Begin a text";
  at("name").replaceChildren(row.version, ...(row.champion ? [element("span", "badge", "champion")] : []));
  at("about").textContent = row.about || (row.answers ? "" : "A base model: it continues your text.");
  at("more").hidden = !row.report || Boolean(key()); // a link cannot send a key
  if (row.report) at("report").href = row.report;
  at("prompts").replaceChildren(...row.prompts.map((prompt) => element("li", "", promptButton(prompt))));
}

function promptButton(prompt) {
  const button = element("button", "", element("span", "", prompt));
  button.type = "button";
  button.addEventListener("click", () => send(prompt));
  return button;
}

function send(text) {
  if (!text || running) return;
  if (!model()) {
    look();
    return;
  }
  at("text").value = "";
  tries = 0;
  conversation.turns.push({ role: "user", content: text });
  addTurn(conversation.turns.at(-1));
  reply();
}

function again() {
  if (running || conversation.turns.at(-1)?.role !== "assistant") return;
  tries += 1;
  const before = conversation.turns.pop();
  at("turns").lastElementChild.remove();
  reply(before);
}

// Answers the last message; where nothing comes, `before` stands there again, or the message goes back to its field.
async function reply(before) {
  const turn = { role: "assistant", content: "", answers: model().answers, system: system() };
  const node = addTurn(turn);
  node.setAttribute("aria-busy", "true");
  busy(new AbortController());
  introduce();
  notice("");
  try {
    await receive(turn, node);
    if (!turn.content) notice("The model ended its answer before the first word: send the message again.");
  } catch (error) {
    if (error.name === "AbortError") notice("Stopped.");
    else refused(error);
  }
  if (turn.content) conversation.turns.push(turn);
  else if (before) conversation.turns.push(before);
  else takeBack(conversation.turns.pop().content);
  keep();
  node.removeAttribute("aria-busy");
  if (turn.content) showText(node, turn);
  else showTurns(again);
  showActs(again);
  introduce();
  busy(null);
  if (!at("dialog").open) at("text").focus();
}

async function receive(turn, node) {
  const row = model();
  let began = 0;
  let frame = 0;
  for await (const chunk of answer(row, tries, running.signal)) {
    if (chunk.left) notice("The oldest turns no longer fit and were left out.");
    if (chunk.left) continue;
    began ||= performance.now(); // the server has begun: what waited in its queue is not counted
    Object.assign(turn, { id: chunk.id, version: chunk.model, first: conversation.first });
    const [choice] = chunk.choices;
    turn.content += choice?.delta.content ?? "";
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      if (node.hasAttribute("aria-busy")) showText(node, turn);
    });
    if (choice?.finish_reason === "length") notice(`${at("notice").textContent} Cut off at its longest length.`.trim());
    if (chunk.usage) turn.about = speed(chunk, performance.now() - began);
  }
  if (turn.version !== row.version) look(); // the alias has moved
}

function speed(chunk, ms) {
  const tokens = chunk.usage.completion_tokens;
  return `${chunk.model} · ${tokens} tokens · ${(tokens / Math.max(ms / 1000, 0.001)).toFixed(0)} tokens/s`;
}

function takeBack(text) {
  if (!at("text").value) at("text").value = text;
}

function busy(controller) {
  running = controller;
  at("send").hidden = Boolean(controller);
  at("stop").hidden = !controller;
}

function refused(error) {
  if (error.status === 401) askForKey();
  notice(error.message, true);
}

function notice(text, isTrouble = false) {
  at("notice").textContent = text;
  at("notice").classList.toggle("trouble", isTrouble);
}
