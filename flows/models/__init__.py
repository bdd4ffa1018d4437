"""Flows, nodes, versions, executions and their logs."""

from flows.models.execution import (
    LIVE_STATES,
    DeliveryState,
    Execution,
    ExecutionLog,
    ExecutionOrigin,
    ExecutionState,
    WebhookDelivery,
)
from flows.models.flow import Flow, FlowVersion, Node

__all__ = [
    "LIVE_STATES",
    "DeliveryState",
    "Execution",
    "ExecutionLog",
    "ExecutionOrigin",
    "ExecutionState",
    "Flow",
    "FlowVersion",
    "Node",
    "WebhookDelivery",
]
