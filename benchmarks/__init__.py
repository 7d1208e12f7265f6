"""Measurements of this project on real work: `make bench`.

curation.py    the quality filters, beside datatrove's
training.py    training steps, beside transformers
steps.py       every step to the base model: seconds, MB/s, tokens/s, MFU
noise_floor.py what the gate says of models that differ by their seed only
ratio.py       two ways to do the same work, timed in turn

reliability.py     what is left after kills, with too little of everything, with damage: reliability.md
interruptions.py   runs that are killed                starvation.py   runs with too little, or over damage
"""
