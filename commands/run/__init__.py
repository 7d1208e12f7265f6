"""Running recipes.

cli      run, schedule, up
show     a run on the terminal
choice   the recipes that there are, where `run` names none
"""
