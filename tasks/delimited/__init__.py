"""Delimited tables, as people and their programs write them: documents and fine-tuning rows are read alike.

dialects.py     delimiter, quotation marks and columns, by what most lines of a table's head agree on
table_rows.py   its rows, whatever their quotation marks do
"""
