"""Classifiers that compete for one model: fitted on the same rows, chosen on the validation rows, judged on the test's.

candidates.py   the folders of a classification's candidates, and which of them is the model
fit.py          tf-idf with logistic regression; a linear head on the frozen base's states
calibrate.py    the temperature of logits, the expected calibration error and its bins
choose.py       the simplest candidate that none beats
"""
