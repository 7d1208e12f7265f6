"""Ingestion: from files of any kind to Parquet documents, and a quarantine for what cannot be read.

sources.py, kinds.py           what a recipe may name; which endings are read
walk.py, listing.py            the files of a source: by name and size, by content
hub.py                         datasets of a hub, downloaded once and then a folder
ledger.py                      which files arrived together: the partitions
forgotten.py                   documents that no run of the home reads again; forgotten_rows.py removes their rows
readers.py, read/              one reader per kind, on lines.py; conversations.py joins messages to one text
unpack.py                      the bytes within a compressed file, up to where it breaks
source_index.py                metadata of text files, from a table beside them
steps.py                       the step
documents.py, document_rows.py a group of files to rows, rows to Parquet; repeats.py numbers repeated ids
planted.py                     dirt from a seed, with its truth (planting.py, planted_text.py)
"""
