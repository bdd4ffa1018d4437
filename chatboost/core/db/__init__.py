"""The database's edges: a fair writer queue for SQLite, and units of work that run again after a conflict."""
