"""Pages of invitations: sources, layouts, batches, and each card."""

from invitations.admin import assets, batches, invitations, layouts, sandbox, sources, versions

__all__ = ["assets", "batches", "invitations", "layouts", "sandbox", "sources", "versions"]
