"""What each role may do in this room, and in the kernel's pages."""

from teams.roles import Role, grant

grant(Role.VIEWER, "teams.view_organization", "teams.view_membership")
grant(Role.ADMIN, "teams.change_organization", "teams.change_membership", "teams.delete_membership")
grant(Role.ADMIN, "teams.manage_members", "teams.manage_keys", "teams.view_apikey", "teams.view_audit")
grant(Role.OWNER, "teams.delete_organization")
grant(Role.EDITOR, "core.view_workitem")
grant(Role.ADMIN, "core.change_workitem", "core.delete_workitem")
