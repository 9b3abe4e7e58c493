"""operations/: what people, monitors and programs ask and do, as frozen values.

Holds: a module for each question or act (status, stories, acts, checks, previews, sending), and `output`, the list
of documents that `--json` prints.
Promises: one function for a question or act, which returns a value; commands, a page and an API show the same.
Never: knows a terminal or who asks; whoever acts is named with each act.
"""
