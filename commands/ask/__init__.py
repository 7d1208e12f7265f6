"""Questions about a run.

cli        sql, what-if, look, trace, report
sql        queries by name or of the user
what_if    what other thresholds would keep
look       documents that were dropped for a reason
trace      from documents to training steps and models, and back
show       the answers on the terminal
"""
