"""What a person types: a room for each family of commands, whose `cli` has the command functions.

run         run, schedule, up
ask         sql, what-if, look, trace, report
models      chat, serve, score, eval, compare, export, mask, promote, rollback, keys
feedback    feedback, arena
init        init
home        status, doctor, gc, backup, restore, forget
complete    what a shell completes: recipes, models, steps, questions, reasons, runs
options     arguments that several commands take; JSON on stdout
show        tables and named values on the terminal
process     exit codes, error messages and signals of the process
"""
