"""The private API and the chat page: models behind an OpenAI-compatible address, each following its alias.

listen.py, connections.py        `triptych serve`: address, start and a clean end; how many connections, for how long
opening.py                       what is answered while the first model loads
app.py, hang_up.py               endpoints; the end of work that nobody waits for any more
requests.py, request_fields.py, responses.py, logprobs.py, api_error.py    bodies in OpenAI's format, in and out
parsing.py, jobs.py              a body and its prompts, prepared off the event loop, as work for an engine
embeddings.py, tools.py          the endpoints that only llama.cpp answers
classify.py                      labels of texts, by registered classifiers
admin.py, metrics.py             for a key of scope admin: the server's state, the runs' reports, counts for Prometheus
access.py, keys.py, limits.py    host, origin, API keys, rate and size, before any endpoint
generation.py, slots.py          one answer: its slot, its text up to a stop sequence
engine.py, engine_choice.py      what generates tokens; which engine a model gets
decoder_engine.py                our own decoder
llama_cpp.py, llama_process.py, llama_child.py, cells.py    llama.cpp in a process of its own, and its memory
upstream.py, upstream_engine.py  another server with OpenAI's API, to which requests are passed on
catalog.py, model_facts.py       the models that requests may name, and what the list of models says of each
alias_follower.py                the version that the alias names now
feedback.py                      what people say of an answer, kept
arena.py, arena_server.py        blind pairs, and the server of their page
page_files.py, page/             the chat page, and the arena's
"""
