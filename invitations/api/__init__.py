"""REST API of this room."""
