// The chat page: turns in, a stream of text out. Everything that comes from the model is set as text, never as HTML.
const at = (id) => document.getElementById(id);
const turns = [];
let running = null;
let about = { id: "", version: "", answers: true, max_model_len: Infinity };

at("key").value = sessionStorage.getItem("key") ?? ""; // this tab only, gone when it closes
at("key").addEventListener("change", () => {
  sessionStorage.setItem("key", at("key").value.trim());
  look();
});
at("settings").addEventListener("submit", (event) => event.preventDefault());
at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = at("text").value.trim();
  if (text && !running) answer(text);
});
at("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    at("ask").requestSubmit();
  }
});
at("stop").addEventListener("click", () => running?.abort());
document.addEventListener("keydown", (event) => event.key === "Escape" && running?.abort());
at("fresh").addEventListener("click", () => {
  running?.abort();
  turns.length = 0;
  at("turns").replaceChildren();
  notice("");
  at("text").focus();
});
look();

async function look() {
  try {
    about = (await (await call("/v1/models")).json()).data[0];
    named(about.version);
    notice(about.answers ? "" : "A base model: it continues your text.");
  } catch (error) {
    refused(error);
  }
}

async function answer(text) {
  at("text").value = "";
  turns.push({ role: "user", content: text });
  shown("user", text);
  const turn = { role: "assistant", content: "" };
  const place = shown("assistant", "");
  place.setAttribute("aria-busy", "true");
  busy(new AbortController());
  notice("");
  try {
    const reply = await fitting();
    turns.push(turn);
    for await (const chunk of chunks(reply)) {
      if (chunk.error) throw new Error(chunk.error.message);
      named(chunk.model);
      turn.content += chunk.choices[0]?.delta.content ?? "";
      place.textContent = turn.content;
      follow();
      if (chunk.choices[0]?.finish_reason === "length") {
        notice(`${at("notice").textContent} Cut off where its tokens were used up.`);
      }
    }
  } catch (error) {
    if (error.name === "AbortError") notice("Stopped.");
    else refused(error);
    if (!turn.content) takenBack(text, turn, place);
  } finally {
    place.removeAttribute("aria-busy");
    busy(null);
    at("text").focus();
  }
}

// Asks with the whole conversation; where that is more than the model reads, the oldest turns are left out.
async function fitting() {
  const asked = Number(at("tokens").value) || 200;
  const knobs = {
    model: about.id,
    stream: true,
    temperature: Number(at("temperature").value),
    top_p: Number(at("top_p").value),
    max_tokens: Math.max(1, Math.min(asked, Math.floor(about.max_model_len / 2))),
    ...(at("seed").value && { seed: Number(at("seed").value) }),
  };
  for (let first = 0; ; first += 2) {
    const last = first + 1 >= turns.length; // the question alone: as many tokens as there is room for
    if (last) delete knobs.max_tokens;
    try {
      const reply = await call("/v1/chat/completions", { ...knobs, messages: turns.slice(first) });
      if (first) notice("The oldest turns no longer fit and were left out.");
      return reply;
    } catch (error) {
      if (error.code !== "context_length_exceeded" || last) throw error;
    }
  }
}

async function call(path, body) {
  const key = at("key").value.trim();
  const reply = await fetch(path, {
    method: body ? "POST" : "GET",
    headers: { ...(body && { "Content-Type": "application/json" }), ...(key && { Authorization: `Bearer ${key}` }) },
    body: body && JSON.stringify(body),
    signal: running?.signal,
  });
  if (reply.ok) return reply;
  const told = (await reply.json().catch(() => ({}))).error ?? {};
  throw Object.assign(new Error(told.message ?? `${reply.status} ${reply.statusText}`), { code: told.code, status: reply.status });
}

// The JSON values of a stream of server-sent events.
async function* chunks(reply) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("The server ended before the answer did.");
    const events = (held + value).split("\n\n");
    held = events.pop();
    for (const event of events) {
      const data = event.replace(/^data: /, "");
      if (data === "[DONE]") return;
      yield JSON.parse(data);
    }
  }
}

function shown(role, text) {
  const place = document.createElement("div");
  place.className = `turn ${role}`;
  place.textContent = text;
  at("turns").append(place);
  place.scrollIntoView({ block: "end" });
  return place;
}

// A question that got no answer goes back to where it was typed.
function takenBack(text, turn, place) {
  place.previousElementSibling?.remove();
  place.remove();
  if (turns.at(-1) === turn) turns.pop();
  turns.pop();
  if (!at("text").value) at("text").value = text;
}

function follow() {
  const box = at("turns");
  if (box.scrollHeight - box.scrollTop - box.clientHeight < 120) box.scrollTop = box.scrollHeight;
}

function busy(controller) {
  running = controller;
  at("send").hidden = Boolean(controller);
  at("stop").hidden = !controller;
}

function refused(error) {
  if (error.status === 401) {
    document.querySelector("details").open = true;
    at("key").focus();
  }
  notice(error.message, true);
}

function notice(text, isTrouble = false) {
  at("notice").textContent = text;
  at("notice").classList.toggle("trouble", isTrouble);
}

function named(version) {
  at("model").textContent = version;
}
