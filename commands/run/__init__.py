"""Running recipes.

cli      run, schedule, up
choice   the recipes that there are, where `run` names none
"""
