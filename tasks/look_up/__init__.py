"""Looking a question up in the training text: the passages that share its words stand in the prompt.

training_text.py   the training documents behind a model or of a run
passage_index.py   their passages, searched by BM25; kept in the home
prompts.py         the best passages before a question, as many as fit beside its answer
"""
