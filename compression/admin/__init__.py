"""Pages of compression requests and their webhooks."""

from compression.admin import deliveries, requests

__all__ = ["deliveries", "requests"]
