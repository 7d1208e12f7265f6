"""Taking text back: a takedown list that encoding minds, and erasure from everything that was made.

takedown.py    the list, and which partitions it touches     forgotten.py    what must not come in again
quotes.py      where else a text stands, word for word       remains.py      what artifacts still hold it
"""
