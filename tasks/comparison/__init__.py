"""Which of two models is better, judged on the same items: paired tests, and what they can and cannot show.

sign_flips.py    the sign-flip test, exact or drawn, over items or over clusters of them; McNemar's test
clusters.py      items of one source text as one cluster, and the standard error of a mean over clusters
paired.py        two models' scores on one task: difference, interval, p, the smallest difference that could be shown
words.py         the verdict as a sentence
"""
