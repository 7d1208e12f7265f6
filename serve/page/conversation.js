// The conversation and the settings, kept in this tab's sessionStorage: a reload shows them again, closing ends them.
export const conversation = { model: "", first: 0, turns: [], ...stored("conversation") };

export function stored(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name)) ?? {};
  } catch {
    return {};
  }
}

export function store(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // full, or switched off: the page works without
  }
}

export function keep() {
  store("conversation", conversation);
}

export function clear() {
  Object.assign(conversation, { first: 0, turns: [] });
  keep();
}

// What is sent: from turn `first` on, after the system prompt. A model that continues texts reads the last turn alone.
export function messages(system, answers, first, end = conversation.turns.length) {
  const turns = conversation.turns.slice(answers ? first : end - 1, end).map(({ role, content }) => ({ role, content }));
  return system && answers ? [{ role: "system", content: system }, ...turns] : turns;
}

// What had been sent for the answer that is turn `number`.
export function promptOf(turn, number) {
  return messages(turn.system, turn.answers, turn.first, number);
}
