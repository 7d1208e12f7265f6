"""What people say of answers: which was good, what would have been right, which of two is better.

entry        one entry: a rating, a correction or a vote, with the version that answered, who and when
log          the entries of a home, appended durably; the texts of one removed
judgements   what all people together say of an answer, or of two
rows         feedback as held-out questions and rows for fine-tuning
export       these as files, with their lineage
"""
