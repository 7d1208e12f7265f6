"""The report of a run: one self-contained HTML page; and the pictures beside an artifact's numbers.

page        the page itself                               blocks      its parts: plots, tables, paragraphs, passages
data        funnel, corpus, planted dirt, thresholds      learning    training, samples, copying, scores
account     time and storage, verdicts, lineage           copying     runs of tokens shared with the training text
pictures    SVG files of training, scores, confusion      svg         plots
classifier  calibration, each class, the worst mistakes
model_page  one page on a model; network: its picture     attention_maps  who attends to whom
"""
