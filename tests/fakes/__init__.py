"""Vendors played by real servers on loopback, with state, sign-in checks and scripted faults."""
