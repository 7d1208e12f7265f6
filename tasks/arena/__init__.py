"""The arena: votes between two answers become a ranking of whoever gave them.

strengths.py   Bradley–Terry strengths of votes, with intervals, and what votes cannot tell
votes.py       a home's votes, and the standing that they give
prompts.py     what is asked, from a file
next_pair.py   which two are to be compared next, and when the order is clear
"""
