"""What each role may do in this room."""

from teams.roles import Role, grant

grant(
    Role.VIEWER,
    "messaging.view_bot",
    "messaging.view_channel",
    "messaging.view_contact",
    "messaging.view_contactattribute",
    "messaging.view_conversation",
    "messaging.view_message",
)
grant(
    Role.AGENT,
    "messaging.send",
    "messaging.change_contact",
    "messaging.change_contactattribute",
    "messaging.change_conversation",
)
grant(
    Role.EDITOR,
    "messaging.change_bot",
    "messaging.delete_contactattribute",
    "messaging.export",
    "messaging.view_webhookreceipt",
)
grant(
    Role.ADMIN,
    "messaging.delete_bot",
    "messaging.change_channel",
    "messaging.delete_channel",
    "messaging.delete_contact",
)
grant(Role.ADMIN, "messaging.erase", "messaging.retry_dead")
