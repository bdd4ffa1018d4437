"""What this room imports and exports."""
