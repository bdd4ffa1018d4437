"""Django database backend: SQLite with a fair queue of writers. ENGINE is this package's path."""
