"""Kernel tables and abstract bases."""

from chatboost.core.models.events import OutboxEvent
from chatboost.core.models.tenancy import OrganizationModel, OrganizationQuerySet
from chatboost.core.models.work import WorkItem, WorkState

__all__ = ["OrganizationModel", "OrganizationQuerySet", "OutboxEvent", "WorkItem", "WorkState"]
