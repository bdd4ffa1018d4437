"""What each role may do in this room, and in the kernel's pages."""

from teams.roles import Role, grant

grant(Role.VIEWER, "teams.view_organization", "teams.view_membership")
grant(Role.ADMIN, "teams.change_organization", "teams.change_membership", "teams.delete_membership")
grant(Role.ADMIN, "teams.manage_members", "teams.manage_keys", "teams.view_apikey", "teams.view_audit")
grant(Role.ADMIN, "teams.view_invite")
grant(Role.OWNER, "teams.delete_organization", "teams.transfer_ownership")
grant(Role.EDITOR, "core.view_workitem")
grant(Role.ADMIN, "core.change_workitem", "core.delete_workitem")
grant(Role.VIEWER, "core.view_job", "core.view_file")
grant(Role.AGENT, "core.change_job")
grant(Role.ADMIN, "core.view_mail", "core.change_mail")
grant(Role.ADMIN, "core.view_organizationsettings", "core.change_organizationsettings")
grant(Role.VIEWER, "teams.view_notification", "teams.change_notification")
grant(Role.ADMIN, "teams.view_telegramchat", "teams.change_telegramchat", "teams.delete_telegramchat")
grant(Role.ADMIN, "teams.view_telegrammessage")
grant(Role.ADMIN, "teams.view_connectedaccount", "teams.manage_connections")
