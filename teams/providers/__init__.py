"""Vendors that this room speaks to."""
