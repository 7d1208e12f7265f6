"""The steps of the line: each a plain function beside its frozen config in a module or folder, none importing another.

ingest/ curate/ encode/ pretrain finetune/ evaluate/ register/    the steps themselves, in the order of the line
step, store, locks, hashing, drift, reach      what a step is; its artifact; the code behind it
training, privacy, pool, executor              what steps share: the training child, masking, worker processes
tracking/, query, views                        MLflow, and only here; DuckDB, and only there; the tables one can ask
report/, talk, lineage, read_documents         read from finished runs: a page, an answer, which document went where
forget/, garbage, holdings                     what leaves the home again
"""
