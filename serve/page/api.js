// The server's API: which models there are, whether a conversation fits, and the stream of an answer.
import { call as request, events } from "./call.js";
import { conversation, messages } from "./conversation.js";
import { key, longestAnswer, sampling, system } from "./settings.js";

export async function models() {
  return (await (await call("/v1/models")).json()).data;
}

export async function saveFeedback(body) {
  return (await call("/v1/feedback", body)).json();
}

// The chunks of an answer to the conversation, {left} first where its oldest turns had to be left out.
export async function* answer(model, tries, signal) {
  const { first, max_tokens } = await fit(model, signal);
  if (first > conversation.first) yield { left: true };
  conversation.first = first;
  const body = {
    model: model.id,
    messages: messages(system(), model.answers, first),
    max_tokens,
    stream: true,
    stream_options: { include_usage: true },
    ...sampling(tries),
  };
  yield* events(await call("/v1/chat/completions", body, signal));
}

// From which turn on the conversation is sent, so that an answer fits too: the server counts, nothing is tried.
async function fit(model, signal) {
  const turns = conversation.turns;
  const most = Math.min(longestAnswer(), model.max_answer_len);
  for (let first = Math.min(conversation.first, turns.length - 1); ; first += 2) {
    const counted = await call("/tokenize", { model: model.id, messages: messages(system(), model.answers, first) }, signal);
    const { count, max_model_len } = await counted.json();
    const wanted = Math.max(1, Math.min(most, Math.floor(max_model_len / 2)));
    const isLast = first + 1 >= turns.length || !model.answers;
    if (count + wanted <= max_model_len) return { first, max_tokens: wanted };
    if (isLast && count < max_model_len) return { first, max_tokens: Math.min(most, max_model_len - count) };
    if (isLast) throw new Error(`Your message has ${count} tokens, and this model reads ${max_model_len} in all: shorten it.`);
  }
}

function call(path, body, signal) {
  return request(path, { body, key: key(), signal });
}
