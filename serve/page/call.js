// A request to the page's own server; an error has the server's words and its status.
const gone = () => `The server no longer answers: start it again with \`${document.body.dataset.command}\`, then send again.`;

export async function call(path, { body, key, signal } = {}) {
  const reply = await reached(
    fetch(path, {
      method: body ? "POST" : "GET",
      headers: { ...(body && { "Content-Type": "application/json" }), ...(key && { Authorization: `Bearer ${key}` }) },
      body: body && JSON.stringify(body),
      signal,
    }),
  );
  if (reply.ok) return reply;
  const error = (await reply.json().catch(() => ({}))).error ?? {};
  throw Object.assign(new Error(error.message ?? `${reply.status} ${reply.statusText}`), { status: reply.status });
}

// A browser reports a server that is gone as "Failed to fetch" or "network error", each in words of its own.
export async function reached(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error(gone(), { cause: error });
  }
}

// The JSON values of a stream of server-sent events.
export async function* events(reply) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reached(reader.read());
    if (done) throw new Error(`The answer was broken off. ${gone()}`);
    const whole = (held + value).split("\n\n");
    held = whole.pop();
    for (const event of whole) {
      const data = event.replace(/^data: /, "");
      if (data === "[DONE]") return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new Error(chunk.error.message);
      yield chunk;
    }
  }
}
