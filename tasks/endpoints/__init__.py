"""Models that answer elsewhere, over OpenAI's API: public services, llama.cpp, vLLM, another `triptych serve`.

address.py        URL#MODEL, and the key for its host
chat_client.py    one request: retries, time limits, answers that cannot be read
budget.py         requests a minute, and what all of it may cost
answer_cache.py   answers that were received before
endpoint.py       conversations in, answers out
"""
