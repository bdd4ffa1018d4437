"""The queue of record: one table, one loop. Every pipeline of the product runs on it."""
