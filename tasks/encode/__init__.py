"""Kept documents become token shards: a tokenizer trained, ids written as Arrow."""
