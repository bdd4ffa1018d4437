"""Models of this room."""

from invitations.models.batch import InvitationBatch
from invitations.models.invitation import Invitation, InvitationStep
from invitations.models.layout import InvitationLayout, LayoutAsset, LayoutVersion
from invitations.models.sandbox import SandboxContact
from invitations.models.source import InvitationSource

__all__ = [
    "Invitation",
    "InvitationBatch",
    "InvitationLayout",
    "InvitationSource",
    "InvitationStep",
    "LayoutAsset",
    "LayoutVersion",
    "SandboxContact",
]
