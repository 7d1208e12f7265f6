"""The steps: each a plain function beside its frozen config, none importing another; and what they share.

ingest/ curate/ encode/ pretrain.py finetune/ evaluate/ register/    the steps, in the order of the graph
store/        what a step is, its artifact, locks, garbage, the code behind a key
comparison/   which of two models is better: paired tests
models/       pretrained models, prompts, vocabulary, log-probabilities
tables/       the tables of a run for SQL; the only import of DuckDB
tracking/     runs and registry; the only import of MLflow
report/       one HTML page on a run
home.py       where in a home each thing lies
training.py   training as a child process          pool.py, executor.py   worker processes of a step
privacy.py    personal data masked                  language.py            the language of a text
passages.py   long texts cut into passages          json_values.py         JSON of any layout, in bounded memory
delimited/    CSV and TSV: dialects and rows
hub_access.py                a hub's failures in words, and the commits that branches stand for
document_names.py    the names by which a person may call a document
errors.py, progress.py    mistakes with a fix; progress with rate and time left
expected_values.py        what was expected in place of a setting's value
limits.py                 of memory and open files, as a shell sets them
readable_numbers.py       counts, bytes and other numbers as a person reads them
"""
