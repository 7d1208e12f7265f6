"""Measurements of this project on real work: `make bench`.

curation.py    the quality filters, beside datatrove's
training.py    training steps, beside transformers
steps.py       every step to the base model: seconds, MB/s, tokens/s, MFU
ratio.py       two ways to do the same work, timed in turn
"""
