"""Curation: what every document is like (signals), and from that alone which documents train a model (curate).

config.py     what a recipe may say; one config for the scores, one for the decision
score.py      the fan-out: datatrove's executor over ranks; signals.py one batch; words, ngrams, lines, c4: its parts
minhash.py    shingles and bands; index.py what later partitions need of them; pairs.py verified near-duplicates
decide.py     sql/decide.sql, then dedup.py and split.py; report.py what a person hears; texts.py what training sees
audit.py      planted dirt against found, by detector
reference.py  datatrove's own filter classes, which the decisions equal
"""
