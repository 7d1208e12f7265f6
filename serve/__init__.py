"""The private API and the chat page: models behind an OpenAI-compatible address, each following its alias.

listen.py, connections.py        `triptych serve`: address, start and a clean end; how many connections, for how long
app.py, requests.py, responses.py, api_error.py    endpoints; bodies in OpenAI's format, in and out
admin.py                         what needs a key of scope admin: the server's state, the runs' reports
parsing.py                       a body and its prompt, prepared off the event loop
access.py, keys.py, limits.py    host, origin, API keys, rate and size, before any endpoint
generation.py, slots.py          one answer: its slot, its text up to a stop sequence
engine.py                        what generates tokens; a second engine goes beside it
catalog.py, model_facts.py       the models that requests may name, and what the list of models says of each
alias_follower.py                the version that the alias names now
page_files.py, page/             the chat page
"""
