"""The arena: votes between two answers become a ranking of whoever gave them.

strengths.py   Bradley–Terry strengths of votes, with intervals, and what votes cannot tell
next_pair.py   which two are to be compared next, and when the order is clear
"""
