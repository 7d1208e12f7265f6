"""Looking after a home.

cli                status, doctor, gc, backup, restore, forget
status             the latest run, the models, and scheduled runs that failed
doctor             checks of this machine and home
doctor_processes   checks of the servers that run
show               these on the terminal
backup             a home copied and restored
forget             a document's text removed
traces             what the store holds of a document, and what only it holds
what_remains       what forgetting leaves, with a fix
text_overlaps      where a text is quoted
"""
