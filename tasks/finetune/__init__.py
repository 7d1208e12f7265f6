"""Fine-tuning: labels, instructions and preferences, from the documents' metadata or a user's own rows.

methods/            a file a method; method.py is what such a file gives: one value
steps.py            the step of a method: rows, tokens, training; settings.py how it trains
rows.py             from rows to a Hugging Face dataset of each split
columns.py          the documents' metadata as SQL columns, that labels and templates read
instructions.py     prompts with responses: templates.py fills them from documents
own_rows.py         a user's file of rows; placement.py: in the split of the document that has the answer
tokenised_rows.py   rows as token ids, with what counts as a target; masks.py shows that in colour
"""
