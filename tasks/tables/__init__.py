"""Tables of a run, for SQL and for people.

query        DuckDB: a statement over tables, or a user's own       views      the raw tables and views of a run
documents    ingested documents, with or without their text         lineage    the trainings behind a model
feedback     what people said of answers
"""
