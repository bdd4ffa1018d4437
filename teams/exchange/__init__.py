"""What this room exports."""
