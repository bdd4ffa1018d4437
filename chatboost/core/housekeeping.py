"""What the kernel tidies up, and how long it keeps what."""

from django.db.models import Exists, OuterRef

from chatboost.core import retention, ticks
from chatboost.core.files import work as expired_files
from chatboost.core.models import (
    AuditEntry,
    IdempotencyRecord,
    Job,
    Mail,
    OutboxEvent,
    RateCounter,
    TickRun,
    WorkAttempt,
    WorkItem,
)
from chatboost.core.tenancy import crossings

# The tries of an item that is still there stay with it.
retention.keep(
    "work attempts",
    days=7,
    rows=lambda cutoff: WorkAttempt.objects.filter(ended_at__lt=cutoff).exclude(
        item_id__in=WorkItem.objects.values("id")
    ),
)
# The last one of each tick says that its slot was fired, however long ago that was.
retention.keep(
    "tick runs",
    days=7,
    rows=lambda cutoff: TickRun.objects.filter(
        Exists(TickRun.objects.filter(name=OuterRef("name"), slot__gt=OuterRef("slot"))), fired_at__lt=cutoff
    ),
)
# An event whose delivery is still owed stays: a dead letter may be tried again.
retention.keep(
    "events",
    days=7,
    rows=lambda cutoff: OutboxEvent.objects.filter(created_at__lt=cutoff).exclude(
        id__in=WorkItem.objects.filter(kind__startswith="event:").values("subject_id")
    ),
)
retention.keep(
    "idempotency keys", days=1, rows=lambda cutoff: IdempotencyRecord.objects.filter(created_at__lt=cutoff)
)
retention.keep("rate counters", days=0, rows=lambda cutoff: RateCounter.objects.filter(expires_at__lt=cutoff))
retention.keep("jobs", days=90, rows=lambda cutoff: Job.objects.filter(finished_at__lt=cutoff))
retention.keep("mail", days=30, rows=lambda cutoff: Mail.objects.filter(created_at__lt=cutoff))
retention.keep("audit log", days=730, rows=lambda cutoff: AuditEntry.objects.filter(created_at__lt=cutoff))
ticks.declare("check tenancy", run=crossings.check_nightly, at="40 2 * * *")
retention.keep("files", days=0, rows=expired_files.unordered, remove=expired_files.order)
