"""Import and export, once, for every room.

A room declares an `OrganizationResource` (columns, a natural key, how a chunk is written) and registers an
`ImportKind` and an `ExportKind` for it in its `jobs.py`; API and console have mixins for both.
"""
