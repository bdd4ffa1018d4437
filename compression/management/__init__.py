"""Management commands of compression."""
