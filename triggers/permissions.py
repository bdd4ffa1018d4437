"""What each role may do in this room."""

from teams.roles import Role, grant

grant(Role.VIEWER, "triggers.view_trigger", "triggers.view_triggerlog")
grant(Role.EDITOR, "triggers.change_trigger", "triggers.delete_trigger")
