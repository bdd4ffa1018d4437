"""The audit log as a table."""

from chatboost.core.exchange.columns import Column
from chatboost.core.exchange.resources import OrganizationResource
from chatboost.core.models import AuditEntry


class AuditResource(OrganizationResource):
    """Entries of an organization's log, oldest first. `changes` is JSON: a field to [before, after]."""

    created_at = Column(attribute="created_at", column_name="created_at", is_imported=False)
    actor_label = Column(attribute="actor_label", column_name="actor", is_imported=False)
    verb = Column(attribute="verb", column_name="verb", is_imported=False)
    object_type = Column(attribute="object_type", column_name="object_type", is_imported=False)
    object_id = Column(attribute="object_id", column_name="object_id", is_imported=False)
    object_label = Column(attribute="object_label", column_name="object", is_imported=False)
    changes = Column(attribute="changes", column_name="changes", is_imported=False)
    request_id = Column(attribute="request_id", column_name="request_id", is_imported=False)

    class Meta:
        model = AuditEntry
        fields = (
            *("created_at", "actor_label", "verb", "object_type", "object_id", "object_label"),
            *("changes", "request_id"),
        )
        export_order = fields
