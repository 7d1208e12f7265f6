"""Ingestion: from files of any kind to Parquet documents, and a quarantine for what cannot be read.

sources.py, kinds.py   what a recipe may name; which endings are read
walk.py, listing.py    what is there: by name and size, by content
ledger.py              which files came when: the partitions              survey.py, fields.py    a look before all
readers.py, read/      one reader a kind, lines.py and source_index.py below them
steps.py               the step; documents.py, document_rows.py, passages.py, repeats.py: what it makes of a record
planted.py             dirt from a seed, with its truth (planting.py, planted_text.py)
"""
