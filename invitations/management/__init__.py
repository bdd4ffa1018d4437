"""Management commands of invitations."""
