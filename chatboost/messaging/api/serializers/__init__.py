"""Shapes that this room's API takes and shows."""
