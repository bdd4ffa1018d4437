"""Proofs: real processes are killed, paused and raced."""
