"""The fault bench: the whole agent in a process of its own, and everything that can go wrong around it.

`bench.py` has the site, `judge.py` says whether what is left is right, `tricks.py` and `ends.py` are what a test can
do to an agent from inside, `ledger.py` counts which faults of the list have their test. A test is named after its
fault, `test_fault_NN_words`, or has `fault_NN-words` as its parameter's name.
"""
