"""One module a row: each offers `row() -> Row`."""
