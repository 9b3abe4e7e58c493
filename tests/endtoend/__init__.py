"""The whole agent in a process of its own, against the HIS stand-in on loopback.

`bench.py` starts agents and judges what is left; tests are named after the fault list's numbers.
"""
