"""Models as other programs open them, each export opened by the real program before it counts.

opened.py    what is compared: ids, greedy continuations, log-probabilities
"""
