"""The whole agent in a process of its own, against the HIS stand-in on loopback.

`bench.py` has the site, `judge.py` says whether what is left is right. Tests carry the fault list's numbers.
"""
