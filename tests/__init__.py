"""The test suite. It mirrors the source: tests/<app>/test_<layer>_<noun>.py."""
