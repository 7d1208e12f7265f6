// The conversation on the screen. Everything in it is set as text, never as HTML.
import { conversation } from "./conversation.js";
import { feedbackButtons } from "./feedback.js";
import { element, markdown } from "./markdown.js";

const at = (id) => document.getElementById(id);
const COPIED_MS = 1500;

// Shows all turns; `again` answers the last message once more.
export function showTurns(again) {
  at("turns").replaceChildren(...conversation.turns.map((turn) => turnNode(turn)));
  showActs(again);
  at("scroll").scrollTop = at("scroll").scrollHeight;
}

export function addTurn(turn) {
  const node = turnNode(turn);
  at("turns").append(node);
  at("scroll").scrollTop = at("scroll").scrollHeight;
  return node;
}

// Shows the turn's text as it is now, and follows it where the end was in sight.
export function showText(node, turn) {
  const box = at("scroll");
  const follows = box.scrollHeight - box.scrollTop - box.clientHeight < 120;
  node.querySelector(".body").replaceChildren(...content(turn));
  if (follows) box.scrollTop = box.scrollHeight;
}

// What can be done with each turn: copy it; an answer can be judged, and the last one made again.
export function showActs(again) {
  const nodes = [...at("turns").children];
  conversation.turns.forEach((turn, number) => {
    const bar = nodes[number].querySelector(".acts");
    bar.replaceChildren(copyButton(() => turn.content));
    if (turn.role !== "assistant") return;
    bar.append(...feedbackButtons(turn, number, nodes[number]));
    if (number === nodes.length - 1) {
      const button = element("button", "", "Regenerate");
      button.type = "button";
      button.addEventListener("click", again);
      bar.append(button);
    }
    if (!turn.content.trim()) bar.append(element("span", "", "An empty answer: the model ended it at once."));
    if (turn.about) bar.append(element("span", "", turn.about));
  });
}

function turnNode(turn) {
  const who = element("span", "unseen", turn.role === "user" ? "You: " : "Answer: ");
  return element("div", `turn ${turn.role}`, who, element("div", "body", ...content(turn)), element("div", "acts"));
}

function content(turn) {
  const isMarkdown = turn.role === "assistant" && turn.answers;
  return isMarkdown ? markdown(turn.content, (code) => copyButton(() => code)) : [element("div", "plain", turn.content)];
}

function copyButton(text) {
  const button = element("button", "", "Copy");
  button.type = "button";
  button.addEventListener("click", async () => {
    button.textContent = (await copied(text())) ? "Copied" : "Not copied: select it, then Ctrl+C";
    setTimeout(() => (button.textContent = "Copy"), COPIED_MS);
  });
  return button;
}

// Where the page came by plain HTTP from another machine, browsers have no clipboard for it.
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
