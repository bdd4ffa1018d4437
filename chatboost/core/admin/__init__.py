"""The console's base classes, and the pages of the kernel's own rows."""

from chatboost.core.admin import jobs, mail, work_items
from chatboost.core.admin.base import (
    OrganizationAdmin,
    OrganizationStackedInline,
    OrganizationTabularInline,
    ReadOnlyAdmin,
    ReadOnlyInline,
)
from chatboost.core.admin.bulk import BulkAction
from chatboost.core.admin.buttons import DetailAction
from chatboost.core.admin.pages import ConsolePage
from chatboost.core.admin.registry import DetailLink, link_on, register
from chatboost.core.admin.staff import ReadOnlyStaffAdmin, StaffAdmin

__all__ = [
    "BulkAction",
    "ConsolePage",
    "DetailAction",
    "DetailLink",
    "OrganizationAdmin",
    "OrganizationStackedInline",
    "OrganizationTabularInline",
    "ReadOnlyAdmin",
    "ReadOnlyInline",
    "ReadOnlyStaffAdmin",
    "StaffAdmin",
    "jobs",
    "link_on",
    "mail",
    "register",
    "work_items",
]
