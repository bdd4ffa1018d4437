"""Campaigns: segments, campaigns, recipients, business events and audience import."""
