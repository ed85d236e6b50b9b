"""Hours of everything at once: mixed load, faults by chance, and a check of every guarantee.

`plan` says from a seed who does what and which fault comes when, `run` lets that happen to a whole
system and takes notes (`record`), and `checks` finds in the notes what the README does not allow.
"""
