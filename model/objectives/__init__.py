"""What training can minimise. One file a kind of data: how its rows become batches, and the loss on such a batch.

objective.py        what all have: the data's files, the datasets and the network made for them, sums of losses
table.py            the kinds by their names in a training run's spec
documents.py        every token of a text: pretraining, and more training of given weights
conversations.py    the assistant's tokens of conversations, several in one sequence
labelled.py         the class of a text
preferences.py      the better one of two answers (DPO)
kto.py              single answers, good or bad (KTO)
answers.py          log-probabilities of answers, by the network that learns and by the one it began as
"""
