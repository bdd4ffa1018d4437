"""The flow engine: plain data in, plain data out; no Django, no clock, no network."""
