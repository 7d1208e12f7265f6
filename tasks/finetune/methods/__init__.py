"""The methods of fine-tuning, a file each.

table.py      all of them by name
classify.py   a text's class
instruct.py   answers to prompts
prefer.py     the better of two answers (DPO)
kto.py        single answers, good or bad (KTO)
"""
