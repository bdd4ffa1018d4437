"""What each role may do in this room."""

from teams.roles import Role, grant

grant(
    Role.VIEWER,
    "flows.view_flow",
    "flows.view_node",
    "flows.view_flowversion",
    "flows.view_execution",
    "flows.view_executionlog",
    "flows.view_webhookdelivery",
)
grant(Role.AGENT, "flows.execute", "flows.change_execution")
grant(
    Role.EDITOR,
    "flows.change_flow",
    "flows.delete_flow",
    "flows.change_node",
    "flows.delete_node",
    "flows.publish",
)
