"""Fine-tuning: labels, instructions and preferences, from the documents' metadata or a user's own rows.

steps.py            the three steps: classify, instruct, prefer
rows.py             what is taught, as Hugging Face datasets: columns.py asks metadata in SQL, templates.py words it
own_rows.py         a user's JSONL; preferences.py pairs of answers
tokenised_rows.py   the same as token ids, with what counts as a target; masks.py shows that in colour
"""
