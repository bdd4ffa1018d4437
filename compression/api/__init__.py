"""This room's API."""
