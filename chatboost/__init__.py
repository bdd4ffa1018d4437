"""The ChatBoost project: settings and wiring; the kernel and messaging rooms live below it."""
