"""What a model is worth: one score per item, beside the baselines of the same run, and each value with its interval.

steps.py             the steps evaluate/base, /classify, /instruct and /prefer
config.py            the recipe's table [evaluate]
language.py          what every model is scored on: bits per byte and multiple choice, beside n-grams and xz
finetuned.py         what a fine-tuned model is scored on besides: held-out rows, beside simple baselines
preference.py        rankings of a preference-tuned model; instruction.py and classification.py: losses and counts
classifier_diagnosis.py  a classifier's calibration, its classes and its worst mistakes
reference_models.py  public models on the same documents
score_table.py       scores.parquet, summary.json and the picture; intervals.py: 95 % bootstrap intervals
perplexity.py        bits per byte of documents; choices.py: multiple choice (both by tasks/models/likelihood.py)
held_out.py          the documents that are scored; contamination.py: which items are in the training text
task_files.py        multiple choice in lm-eval's format, by templates.py
next_passage.py      such a task, made of test documents
question_file.py     questions of a user's own; answer_kinds.py: how answers are compared, number_text.py: as numbers
answering.py         who answers them; exam.py: their answers, scored one by one
baselines.py         n-grams (ngrams.py) and xz
harness.py           lm-eval on a model of ours, for tasks given by name
"""
