"""What we are measured beside, each with its honest best settings."""
