"""The console's base classes, and the pages of the kernel's own rows."""

from chatboost.core.admin import work_items
from chatboost.core.admin.base import (
    DetailAction,
    OrganizationAdmin,
    OrganizationStackedInline,
    OrganizationTabularInline,
    ReadOnlyAdmin,
    ReadOnlyInline,
    StaffAdmin,
)
from chatboost.core.admin.pages import ConsolePage
from chatboost.core.admin.registry import DetailLink, link_on, register

__all__ = [
    "ConsolePage",
    "DetailAction",
    "DetailLink",
    "OrganizationAdmin",
    "OrganizationStackedInline",
    "OrganizationTabularInline",
    "ReadOnlyAdmin",
    "ReadOnlyInline",
    "StaffAdmin",
    "link_on",
    "register",
    "work_items",
]
