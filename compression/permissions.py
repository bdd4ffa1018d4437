"""What each role may do in this room."""

from teams.roles import Role, grant

grant(
    Role.VIEWER,
    "compression.view_compressionrequest",
    "compression.view_product",
    "compression.view_image",
    "compression.view_completiondelivery",
)
grant(Role.EDITOR, "compression.change_compressionrequest")
grant(Role.ADMIN, "compression.view_signing_key")
