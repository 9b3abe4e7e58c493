"""operations/alerts/: what is wrong goes out by itself, to those who are to know.

Holds: the state machine (machine.py), what is sent (texts.py), the channels (channels.py, notify.py), what is kept
(book.py), and the service that turns them (service.py).
Promises: sent once, sent over when it was sent; a restart repeats nothing. No patient, file name or word of the HIS.
Never: judges: what is wrong is found in operations/conditions.py; or delays a delivery: the agent knows none of it.
"""
