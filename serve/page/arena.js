// The arena: a prompt, two unnamed answers, a vote by button or key, then the names.
import { call } from "./call.js";
import { element, markdown } from "./markdown.js";

const at = (id) => document.getElementById(id);
const KEYS = { 1: "left", 2: "right", 3: "both", 4: "none", ArrowLeft: "left", ArrowRight: "right" };
const articles = [...document.querySelectorAll("article")];
let pair = null; // what waits for a vote
let busy = false;

at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const prompt = at("text").value.trim();
  if (prompt) compare({ prompt });
});
at("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    at("ask").requestSubmit();
  }
});
at("next").addEventListener("click", () => compare({}));
at("key-field").addEventListener("submit", (event) => {
  event.preventDefault();
  at("key-field").hidden = true;
  look();
  arrange();
});
for (const button of at("votes").children) button.addEventListener("click", () => vote(button.dataset.choice));
document.addEventListener("keydown", (event) => {
  const choice = KEYS[event.key];
  if (!choice || !pair || event.ctrlKey || event.altKey || event.metaKey || event.target === at("key")) return;
  event.preventDefault();
  vote(choice);
});
look();

async function look() {
  await attempt(async () => show(await get("/v1/arena")));
}

async function compare(body) {
  await attempt(async () => {
    at("intro").hidden = true;
    at("answers").setAttribute("aria-busy", "true");
    notice("Both models answer …");
    pair = await get("/v1/arena/pairs", body);
    at("text").value = "";
    at("prompt").replaceChildren(...pair.messages.map((turn) => element("div", "", pair.messages.length > 1 ? `${turn.role}: ${turn.content}` : turn.content)));
    [pair.left, pair.right].forEach((text, number) => {
      articles[number].className = "";
      articles[number].querySelector(".who").textContent = "";
      articles[number].querySelector(".body").replaceChildren(...answerNodes(text));
    });
    at("prompt").hidden = at("answers").hidden = false;
    at("scroll").scrollTop = 0;
    notice(pair.left === pair.right ? "The two answers are the same." : "");
  });
  at("answers").removeAttribute("aria-busy");
  arrange();
}

async function vote(choice) {
  if (!pair) return;
  await attempt(async () => {
    const revealed = await get("/v1/arena/votes", { id: pair.id, choice });
    pair = null;
    [revealed.left, revealed.right].forEach((name, number) => {
      articles[number].querySelector(".who").textContent = name;
      const side = ["left", "right"][number];
      articles[number].classList.toggle("chosen", choice === side || choice === "both");
    });
    notice("Your vote is kept.");
    show(revealed);
  });
  arrange();
}

function show({ votes, models, prompts, is_clear, order }) {
  at("count").textContent = `${models} models · ${votes} ${votes === 1 ? "vote" : "votes"}`;
  at("next").hidden = !prompts;
  at("clear").hidden = !is_clear;
  at("clear").textContent = `The order is clear: ${order.join(" > ")}. You can stop: more votes would hardly change it.`;
}

// A vote is due, or a prompt.
function arrange() {
  at("votes").hidden = !pair;
  at("ask").hidden = Boolean(pair);
  if (!at("key-field").hidden) at("key").focus();
  else if (pair) at("votes").focus(); // no button: an Enter too many is no vote
  else (at("next").hidden ? at("text") : at("next")).focus();
}

function answerNodes(text) {
  return text.trim() ? markdown(text, () => "") : [element("em", "", "An empty answer.")];
}

async function get(path, body) {
  return (await call(path, { body, key: at("key").value.trim() })).json();
}

// One thing at a time; what fails is shown.
async function attempt(work) {
  if (busy) return;
  busy = true;
  try {
    notice("");
    await work();
  } catch (error) {
    if (error.status === 401) {
      at("key-field").hidden = false;
      at("key").focus();
    }
    if (error.status === 404) pair = null;
    notice(error.message, true);
  } finally {
    busy = false;
  }
}

function notice(text, isTrouble = false) {
  at("notice").textContent = text;
  at("notice").classList.toggle("trouble", isTrouble);
}
