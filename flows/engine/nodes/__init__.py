"""The node kinds that every installation has, one module each."""
