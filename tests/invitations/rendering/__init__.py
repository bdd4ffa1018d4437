"""Tests of the renderer of invitation cards."""
