"""Tests that drive a browser against a running installation."""
