"""The step store: each step's work is computed once and becomes true at one instant.

step             a step's config, inputs and key             artifacts        the store: complete, find, recompute
verification     whether files are what was stored           contents         all that a store holds, by its manifests
garbage          what nothing needs, and its removal         drift            what changed though a key did not
reachable_code   the code that a step can run                tombstones       what stays of an artifact whose text went
locks, hashing   lock files; SHA-256 of a file           links            files under a second name
"""
