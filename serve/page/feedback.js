// What a person says of an answer: good, bad, or how it should have been. It goes to the server at once.
import { saveFeedback } from "./api.js";
import { keep, promptOf } from "./conversation.js";
import { element } from "./markdown.js";

const RATINGS = { up: ["Good", "Good answer"], down: ["Bad", "Bad answer"] };
let notice = () => {};

export function onNotice(show) {
  notice = show;
}

// The buttons beside the answer that is turn `number`; none where it is not known which version gave it.
export function feedbackButtons(turn, number, node) {
  if (!turn.version) return [];
  const buttons = Object.entries(RATINGS).map(([rating, [text, name]]) => {
    const made = button(text, name, async () => {
      if (turn.rating === rating || !(await save(turn, number, { rating }))) return;
      turn.rating = rating;
      keep();
      show();
    });
    made.dataset.rating = rating;
    return made;
  });
  const show = () => buttons.forEach((made) => made.setAttribute("aria-pressed", String(made.dataset.rating === turn.rating)));
  show();
  const correct = button("Correct", "Correct this answer", () => toggleForm(turn, number, node));
  correct.setAttribute("aria-expanded", String(Boolean(node.querySelector("form"))));
  return [...buttons, correct];
}

function toggleForm(turn, number, node) {
  const opener = () => node.querySelector("[aria-expanded]"); // the buttons are made anew after each answer
  const close = () => {
    node.querySelector("form").remove();
    opener().setAttribute("aria-expanded", "false");
    opener().focus();
  };
  if (node.querySelector("form")) return close();
  const field = element("textarea");
  field.rows = 4;
  field.required = true;
  field.value = turn.correction ?? turn.content;
  const send = element("button", "main", "Save correction");
  const form = element("form", "correction", element("label", "", "The answer as it should be", field));
  form.append(element("div", "acts", send, button("Cancel", "Cancel the correction", close)));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    if (await save(turn, number, { correction: field.value })) {
      turn.correction = field.value;
      keep();
      close();
    }
    send.disabled = false;
  });
  form.addEventListener("keydown", (event) => event.key === "Escape" && close());
  node.append(form);
  opener().setAttribute("aria-expanded", "true");
  field.focus();
}

async function save(turn, number, judgement) {
  const body = { model: turn.version, messages: promptOf(turn, number), answer: turn.content, ...judgement };
  try {
    await saveFeedback(turn.id ? { ...body, response_id: turn.id } : body);
    notice("Thank you: it is kept with the answer's version.");
    return true;
  } catch (error) {
    notice(error.message, true);
    return false;
  }
}

function button(text, name, act) {
  const made = element("button", "", text);
  made.type = "button";
  made.setAttribute("aria-label", name);
  made.addEventListener("click", act);
  return made;
}
