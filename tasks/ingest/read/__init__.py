"""Readers of the formats that people have: each yields documents and quarantines the records that cannot be used.

choose.py                       the reader of an ending
plain.py, markdown.py           text files; Markdown, whose front matter is metadata
encodings.py                    which encoding a text is in
alphabets.py, east_asian.py     legacy encodings, by the letters of a language, and by the commonest characters
utf8.py, iso2022.py, declared.py UTF-8 with a few damaged bytes; mail in Japanese; what pages and messages declare
json_files.py, spreadsheets.py  records: JSON, CSV and TSV (JSON Lines are in ../readers.py)
lenient_json.py                 JSON that Python's json writes, and the standard does not have
columnar.py, column_bytes.py,   Parquet and Arrow: how much each row stands for, and the values of a column
  column_values.py, ipc_bytes.py
web_pages.py, office.py, mail.py HTML; PDF and DOCX (the text of its XML: word_text.py); messages and mailboxes
mailboxes.py, mail_body.py,     the messages of a mailbox; the parts of one; what its writer wrote himself
  own_words.py
archives.py, packed.py          zip archives, and files that are compressed one by one
"""
