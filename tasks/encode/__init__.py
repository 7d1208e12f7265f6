"""Kept documents become token shards: personal data masked, a tokenizer trained, ids written as Arrow."""
