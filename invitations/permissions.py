"""What each role may do in this room."""

from teams.roles import Role, grant

grant(
    Role.VIEWER,
    "invitations.view_invitationsource",
    "invitations.view_invitationlayout",
    "invitations.view_layoutversion",
    "invitations.view_layoutasset",
    "invitations.view_invitationbatch",
    "invitations.view_invitation",
    "invitations.view_invitationstep",
    "invitations.view_sandboxcontact",
)
grant(
    Role.EDITOR,
    "invitations.change_invitationlayout",
    "invitations.delete_invitationlayout",
    "invitations.change_layoutasset",
    "invitations.delete_layoutasset",
    "invitations.change_invitationbatch",
    "invitations.change_invitation",
)
grant(
    Role.ADMIN,
    "invitations.change_invitationsource",
    "invitations.delete_invitationsource",
    "invitations.delete_invitationbatch",
    "invitations.erase",
)
