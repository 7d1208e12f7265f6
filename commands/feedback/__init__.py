"""What people say of answers, and blind comparisons.

cli        feedback, arena
feedback   counts, the last entries, rows for training, and texts removed
arena      the server of blind pairs, and the standing by its votes
"""
