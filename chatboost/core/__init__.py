"""The kernel: base classes, work items, events, HTTP, crypto, errors, clock. It knows no domain."""
