"""Curation: every document is measured once (signals); which documents train a model follows from that (curate).

steps.py           the two steps
config.py          the recipe's table [curate], and the configs of the two steps that follow from it
score.py           scoring of all documents: a datatrove pipeline, one file a rank
signals.py         the columns of scores, and all of them for a batch of texts
words.py           words of a text, each whitespace chunk split once; spacy_rules.py is the splitter
ngrams.py          repeated word n-grams; lines.py: lines and paragraphs; c4.py: the lines that C4 removes
own_signals.py     signals of the user's own: Python functions of a text
language_rules.py  the rules by which a document is judged: of its language, or of none
minhash.py         shingles and bands; index.py stores them for later partitions; pairs.py finds near-duplicates
normalise.py       the one spelling of a text
rules.py           the table of rules: a row each
conditions.py      the recipe's own conditions in SQL (keep_if)
decide.py          decisions: sql/internal/decide.sql over the scores, then dedup.py, then split.py
recompute.py       the decisions of all partitions at other thresholds, for what-if
notes.py           warnings about a decision
spans.py           the spans of a text that show a reason, for look
texts.py           the text that training sees
audit.py           planted dirt against what each detector found
reference.py       datatrove's own filter classes, which the decisions equal
"""
