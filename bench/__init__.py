"""Benchmarks: what a user would pick instead, the floor, and ours, measured side by side."""
