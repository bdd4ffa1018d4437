"""Vendors' adapters behind one Protocol. They run in threads and never touch the database."""
