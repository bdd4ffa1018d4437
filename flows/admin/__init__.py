"""Pages of flows, versions, executions and webhook deliveries."""

from flows.admin import deliveries, executions, flows, versions

__all__ = ["deliveries", "executions", "flows", "versions"]
