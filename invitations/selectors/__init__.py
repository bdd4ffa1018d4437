"""Selectors of this room: they read."""
