"""postgres/: the journal in one schema of a PostgreSQL database.

Holds: all that is PostgreSQL's own: connections, transactions, locks, errors, ids, tables, the SQL's translation.
Promises: the rest of the journal speaks to it through `journal.database` only; psycopg is imported here and nowhere
else, and only for a journal that is there.
Never: knows what a row means.
"""
