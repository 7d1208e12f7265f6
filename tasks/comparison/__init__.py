"""Which of two models is better, judged on the same items: paired tests, and what they can and cannot show.

sign_flips.py    the sign-flip test, exact or drawn, over items or over clusters of them; McNemar's test
clusters.py      items of one source text as one cluster, and the standard error of a mean over clusters
seed_noise.py    whether a difference is larger than that of two seeds of one training
paired.py        two models' scores on one task: difference, interval, p, the smallest difference that could be shown
contestants.py   models with their scores by item: stored.py, of registered versions; scoring.py, of any, now
pairs.py         every two models on every task that they share, with the items that flipped
words.py         the verdict as a sentence; tuning.py: whether training was the right tool, as one
"""
