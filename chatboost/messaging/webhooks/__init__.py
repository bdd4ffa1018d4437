"""Webhooks: what vendors call."""
