"""Running recipes.

cli   run, schedule, up
"""
