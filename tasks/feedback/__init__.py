"""What people say of answers: which was good, what would have been right, which of two is better.

entry   one entry: a rating, a correction or a vote, with the version that answered, who and when
log     the entries of a home, appended durably; the texts of one removed
"""
