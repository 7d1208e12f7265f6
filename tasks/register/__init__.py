"""Register is two things: `package` is a cached step; publishing, the gate and the aliases are decided each time.

package.py   the step: a folder per role with all that its model needs elsewhere; card.py: its model card
publish.py   a packaged role becomes a version, which the gate judges against the champion
gate.py      better, not worse or worse than the champion: paired tests; scores.py: an evaluation's scores as losses
seeds.py     how far versions lie apart that differ by their seed only
imported.py  a model made elsewhere becomes a candidate without evidence
introduction.py   what a model says of itself before a conversation, and prompts that it knows
aliases.py   candidate, champion, previous, and the audit of who moved them
"""
