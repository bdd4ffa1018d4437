"""What the room's pages and buttons ask of a role."""

from typing import Final

VIEW_BATCHES: Final = "invitations.view_invitationbatch"
CHANGE_BATCHES: Final = "invitations.change_invitationbatch"
CHANGE_INVITATIONS: Final = "invitations.change_invitation"
CHANGE_SOURCES: Final = "invitations.change_invitationsource"
VIEW_LAYOUTS: Final = "invitations.view_invitationlayout"
CHANGE_LAYOUTS: Final = "invitations.change_invitationlayout"
VIEW_ASSETS: Final = "invitations.view_layoutasset"
