"""What people say of answers, and blind comparisons.

cli        feedback
feedback   counts, the last entries, rows for training, and texts removed
"""
