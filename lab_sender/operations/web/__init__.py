"""operations/web/: the page and its API, by a process of its own (`lab-sender web`).

Holds: `child.py`, by which the agent starts that process and which loads nothing but the standard library; all else
is loaded by that process alone: `app.py` puts it together, `screens/` has a module for each screen, `api/` one for
each part of the API.
Promises: nothing that happens here stops or slows delivery. Nobody sees what he has no right to see.
Never: judges how it stands; that is operations/status.
"""
