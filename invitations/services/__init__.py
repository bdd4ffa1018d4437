"""Services of this room: they change rows."""
