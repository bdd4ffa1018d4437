"""People who come by themselves: they join the source's batch of such people, or a new one begins.

One batch goes on for them as long as the source's plan stays the same, and it wakes when the next one comes,
so that lucky numbers go on, too.
"""

from collections.abc import Sequence

from django.db import transaction

from invitations.choices import ALLOWED_TRANSITIONS, UNFINISHED, BatchState, Origin
from invitations.models import InvitationBatch, InvitationSource
from invitations.providers.base import Person
from invitations.services import batches, completion, layouts, people
from invitations.services.people import Added


@transaction.atomic
def welcome(source: InvitationSource, arrived: Sequence[Person], *, origin: Origin = Origin.WEBHOOK) -> Added:
    """Invite people of a source who have just come; who is known already changes nothing, not even a batch.

    Raises: NotNow, Conflict: as `batches.start`.
    """
    own = InvitationSource.objects.for_organization(source.organization_id)
    # Whoever comes at the same time waits here, and joins the same batch.
    locked: InvitationSource = own.select_for_update(no_key=True).get(pk=source.pk)
    with transaction.atomic():
        batch = _batch_of(locked, origin)
        added = people.add(batch, arrived)
        if added.made:
            completion.advance(batches.lock(batch))
        else:
            transaction.set_rollback(True)
    return added


def _batch_of(source: InvitationSource, origin: Origin) -> InvitationBatch:
    newest = _newest(source, origin)
    if newest is None:
        return batches.start(batches.create(source=source, origin=origin, is_fetched=True))
    return _woken(newest)


def _newest(source: InvitationSource, origin: Origin) -> InvitationBatch | None:
    """Return the batch that goes on, if it is planned as the source is now."""
    own = InvitationBatch.objects.filter(source=source, origin=origin, is_dry_run=False)
    newest: InvitationBatch | None = own.exclude(state__in=batches.CLOSED).order_by("-id").first()
    return newest if newest is not None and _is_planned_alike(source, newest) else None


def _woken(batch: InvitationBatch) -> InvitationBatch:
    """Return a batch that takes people again, with its layout as it is now."""
    row = batches.lock(batch)
    row.layout_version = layouts.latest(row.organization, row.layout)
    row.save(update_fields=["layout_version"])
    if row.state not in UNFINISHED and BatchState.RUNNING in ALLOWED_TRANSITIONS[row.state]:
        completion.reopen(row, [])
    return row


def _is_planned_alike(source: InvitationSource, batch: InvitationBatch) -> bool:
    fields = [f"{field}_id" if field in ("layout", "account") else field for field in batches.PLAN]
    return all(getattr(source, field) == getattr(batch, field) for field in fields)
