"""Batches: planned, started, paused, resumed, cancelled, tried again.

Locks are taken in one order: source, batch, invitations; the organization's, for its limits, last.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet

from chatboost.core import audit, clock, files, live
from chatboost.core.db import rows
from chatboost.core.errors import ValidationFailed
from chatboost.core.jobs import lifecycle
from chatboost.core.work import queue as work
from invitations.choices import (
    ALLOWED_TRANSITIONS,
    OPEN,
    UNFINISHED,
    BatchState,
    InvitationState,
    Origin,
    StorageKind,
)
from invitations.errors import NotNow
from invitations.models import Invitation, InvitationBatch, InvitationSource
from invitations.services import completion, layouts, notices, people, steps
from teams import limits
from teams.models.connection import AccountState

FETCH_KIND: Final = "invitations.fetch"
# What a source says for its batches, and a draft for itself.
PLAN: Final = (
    *("layout", "storage", "account", "notices"),
    *("lucky_mode", "lucky_first", "lucky_last", "lucky_digits"),
)
CHANGEABLE: Final = (*PLAN, "name", "changed_since")
# What `steps.begin` reads of an invitation, and what one is called.
BEGUN_WITH: Final = ("organization", "batch", "state", "step", "name", "email", "external_id")
# The columns that name an invitation's pictures.
PICTURES: Final = ("photo_uuid", "card_uuid", "thumbnail_uuid")
# The card of an erased person that is to be removed from Drive: the row says under which name it lies there.
REMOVAL_OWED: Final = Q(
    external_id__startswith=f"{people.ERASED}:", drive_id__gt="", batch__account__isnull=False
)
# Nothing of these is worked on, now or again.
CLOSED: Final = (BatchState.DRAFT, BatchState.CANCELLED)


@transaction.atomic
def create(
    *,
    source: InvitationSource,
    name: str = "",
    is_dry_run: bool = False,
    changed_since: datetime | None = None,
    origin: str = Origin.PERSON,
    is_fetched: bool = False,
    actor: Any | None = None,
    **plan: Any,
) -> InvitationBatch:
    """Plan a run through a source's contacts; what `plan` (PLAN) does not say is as the source has it.

    `is_fetched`: nobody is fetched, people are brought to it.

    Raises: ValidationFailed (`invalid_range, foreign_layout, foreign_account`).
    """
    actor_id = getattr(actor, "pk", None)
    batch = InvitationBatch(
        organization_id=source.organization_id,
        source=source,
        name=name or _name_of(source, is_dry_run),
        is_dry_run=is_dry_run,
        changed_since=changed_since,
        origin=origin,
        is_fetched=is_fetched,
        lucky_seed=secrets.randbits(63),
        actor_id=actor_id if isinstance(actor_id, int) else None,
        actor_label=lifecycle.label_of(actor),
        created_at=clock.now(),
    )
    for field in PLAN:
        setattr(batch, field, plan.pop(field, getattr(source, field)))
    _refuse_unknown(plan)
    _check(batch)
    batch.save()
    audit.record(actor=actor, verb="invitation_batch.created", object=batch)
    return batch


@transaction.atomic
def change(batch: InvitationBatch, *, actor: Any | None = None, **fields: Any) -> InvitationBatch:
    """Change a draft (CHANGEABLE), or the name of any batch. Raises: as `create`, NotNow (`not_a_draft`)."""
    _refuse_unknown({field: value for field, value in fields.items() if field not in CHANGEABLE})
    row = lock(batch)
    changes = audit.changes_of(row, **fields)
    if row.state != BatchState.DRAFT and changes.keys() - {"name"}:
        raise NotNow("Only a draft can be changed; any batch can get another name.", code="not_a_draft")
    for field in changes:
        setattr(row, field, fields[field])
    _check(row)
    row.save(update_fields=[*changes])
    if changes:
        audit.record(actor=actor, verb="invitation_batch.changed", object=row, changes=changes)
        live.changed(f"invitation_batch:{row.pk}")
    return row


@transaction.atomic
def start(batch: InvitationBatch, *, actor: Any | None = None) -> InvitationBatch:
    """Begin a draft: with its layout's latest version, from the source's first contact.

    Raises: NotNow (`not_a_draft, source_disabled, source_refused, no_account, account_refused,
        template_unusable`), Conflict (`limit_reached`).
    """
    source, row = people.lock(batch)
    if row.state != BatchState.DRAFT:
        raise NotNow(f"The batch is {_word(row)} already.", code="not_a_draft")
    if not source.is_enabled:
        raise NotNow("The source is switched off.", code="source_disabled")
    if source.error:
        raise NotNow(f"The source refuses us: {source.error}", code="source_refused")
    _require_storage(row)
    # Its lock is the organization's row: the last one that anybody takes here.
    limits.check(row.organization, "invitation_batches")
    row.layout_version = layouts.latest(row.organization, row.layout)
    row.state, row.started_at = BatchState.RUNNING, clock.now()
    row.save(update_fields=["layout_version", "state", "started_at"])
    if not row.is_fetched:
        owe_fetch(row)
    audit.record(actor=actor, verb="invitation_batch.started", object=row)
    _changed(row)
    return row


@transaction.atomic
def dry_run(*, source: InvitationSource, actor: Any | None = None, **fields: Any) -> InvitationBatch:
    """Make the cards of the first five contacts, and upload nothing. Raises: as `create` and `start`."""
    return start(create(source=source, is_dry_run=True, actor=actor, **fields), actor=actor)


@transaction.atomic
def pause(batch: InvitationBatch, *, actor: Any | None = None) -> InvitationBatch:
    """Let nothing new begin; what is being done ends. Raises: NotNow (`not_running`)."""
    row = lock(batch)
    if row.state != BatchState.RUNNING:
        raise NotNow(f"The batch is {_word(row)}.", code="not_running")
    row.state = BatchState.PAUSED
    row.save(update_fields=["state"])
    audit.record(actor=actor, verb="invitation_batch.paused", object=row)
    _changed(row)
    return row


@transaction.atomic
def resume(batch: InvitationBatch, *, actor: Any | None = None) -> InvitationBatch:
    """Go on where it was paused. Raises: NotNow (`not_paused`)."""
    row = lock(batch)
    if row.state != BatchState.PAUSED:
        raise NotNow(f"The batch is {_word(row)}.", code="not_paused")
    row.state = BatchState.RUNNING
    row.save(update_fields=["state"])
    if not row.is_fetched:
        owe_fetch(row)
    still_open = Invitation.objects.filter(batch=row, state__in=OPEN).only(*BEGUN_WITH)
    for chunk in steps.in_chunks(still_open):
        steps.begin(_with_batch(row, chunk))
    audit.record(actor=actor, verb="invitation_batch.resumed", object=row)
    # The last invitation may have ended meanwhile.
    completion.advance(row)
    return row


@transaction.atomic
def cancel(batch: InvitationBatch, *, actor: Any | None = None) -> InvitationBatch:
    """End a batch now. What is done stays; what runs is dropped when it ends.

    Raises: NotNow (`already_finished`).
    """
    row = lock(batch)
    if BatchState.CANCELLED not in ALLOWED_TRANSITIONS[row.state]:
        raise NotNow(f"The batch is {_word(row)} already.", code="already_finished")
    now = clock.now()
    Invitation.objects.filter(batch=row, state__in=OPEN).update(
        state=InvitationState.CANCELLED, finished_at=now
    )
    row.state, row.finished_at = BatchState.CANCELLED, now
    row.save(update_fields=["state", "finished_at"])
    audit.record(actor=actor, verb="invitation_batch.cancelled", object=row)
    _changed(row)
    return row


@transaction.atomic
def retry_failed(batch: InvitationBatch, *, actor: Any | None = None) -> InvitationBatch:
    """Try again what failed, each from the step that failed; and fetching, where that did.

    Left out: who has another standing invitation by now, and who got no lucky number.

    Raises: NotNow (`nothing_failed`).
    """
    source, row = people.lock(batch)
    is_open = row.state not in (*CLOSED, BatchState.PAUSED)
    failed = _retriable(source, row) if is_open else []
    if not failed and not (is_open and row.fetch_error):
        raise NotNow("There is nothing to try again.", code="nothing_failed")
    audit.record(
        actor=actor, verb="invitation_batch.retried", object=row, changes={"failed": (len(failed), 0)}
    )
    reopen(row, failed)
    if row.fetch_error and not row.is_fetched:
        owe_fetch(row)
    row.fetch_error = ""
    row.save(update_fields=["fetch_error"])
    return row


@transaction.atomic
def delete(batch: InvitationBatch, *, actor: Any | None = None) -> None:
    """Remove a batch with its invitations, and the cards kept here: their links lead nowhere then.

    Its folder at Drive and the cards in it stay, and so do their links.

    Raises: NotNow (`still_running, removal_waits`).
    """
    row = lock(batch)
    if row.state in UNFINISHED:
        raise NotNow("Cancel the batch first.", code="still_running")
    if Invitation.objects.filter(REMOVAL_OWED, batch=row).exists():
        raise NotNow(
            "The card of somebody who was erased still has to be removed from Google Drive. That happens by "
            "itself as long as the account is connected; then the batch can be deleted.",
            code="removal_waits",
        )
    audit.record(actor=actor, verb="invitation_batch.deleted", object=row)
    give_up_files(Invitation.objects.filter(batch=row))
    row.delete()


def reopen(batch: InvitationBatch, failed: Sequence[Invitation]) -> None:
    """Have failed invitations of a locked batch done again from where they failed; it runs again.

    Those whose pictures are not kept any more begin with them.
    """
    completion.reopen(batch, failed)
    for invitation in failed:
        invitation.state, invitation.finished_at = InvitationState.PENDING, None
        invitation.error_code = invitation.error_detail = ""
    for start in range(0, len(failed), steps.CHUNK):
        chunk = failed[start : start + steps.CHUNK]
        rows.update(chunk, ["state", "finished_at", "error_code", "error_detail"])
        steps.go_back(chunk)
        steps.begin(chunk)


def owe_fetch(batch: InvitationBatch, run_at: datetime | None = None) -> None:
    """Owe the next page of contacts, in the caller's transaction. One waits at most."""
    work.enqueue(
        work.Order(
            kind=FETCH_KIND,
            subject_id=batch.pk,
            organization_id=batch.organization_id,
            queue=steps.MAINTENANCE,
            lane=f"invitation_batch:{batch.pk}",
            dedupe_key=str(batch.pk),
            run_at=run_at,
        )
    )


def lock(batch: InvitationBatch) -> InvitationBatch:
    """Return the row, locked until the transaction ends."""
    own = InvitationBatch.objects.for_organization(batch.organization_id)
    row: InvitationBatch = own.select_for_update(no_key=True).get(pk=batch.pk)
    return row


def give_up_files(invitations: "QuerySet[Any]", *columns: str) -> None:
    """Have pictures of these invitations removed, in the caller's transaction; all, unless some are named."""
    found = invitations.values_list(*(columns or PICTURES))
    files.give_up([uuid for row in found for uuid in row if uuid is not None])


def _retriable(source: InvitationSource, batch: InvitationBatch) -> list[Invitation]:
    mine = Invitation.objects.filter(batch=batch, state=InvitationState.FAILED)
    failed: list[Invitation] = []
    for chunk in steps.in_chunks(mine.exclude(error_code__in=people.FINAL).defer("values")):
        names = [] if batch.is_dry_run else [invitation.external_id for invitation in chunk]
        taken = people.standing(source, names)
        failed += [invitation for invitation in chunk if invitation.external_id not in taken]
    return _with_batch(batch, failed)


def _with_batch(batch: InvitationBatch, invitations: Any) -> list[Invitation]:
    """Return invitations that know the locked batch, so that nobody fetches it again."""
    found = list(invitations)
    for invitation in found:
        invitation.batch = batch
    return found


def _check(batch: InvitationBatch) -> None:
    """Refuse a plan that can't be carried out. Raises: ValidationFailed, ValidationError."""
    if batch.lucky_first > batch.lucky_last:
        message = "The last number is smaller than the first."
        raise ValidationFailed(message, code="invalid_range", errors={"lucky_last": [message]})
    for name in ("layout", "account"):
        chosen = getattr(batch, name)
        if chosen is not None and chosen.organization_id != batch.organization_id:
            message = f"No such {name}."
            raise ValidationFailed(message, code=f"foreign_{name}", errors={name: [message]})
    batch.full_clean(validate_unique=False, validate_constraints=False)


def _require_storage(batch: InvitationBatch) -> None:
    """Refuse to begin what could go nowhere. Raises: NotNow."""
    if batch.storage != StorageKind.DRIVE or batch.is_dry_run:
        return
    if batch.account is None:
        raise NotNow("Choose whose Google Drive the cards go to.", code="no_account")
    if batch.account.state != AccountState.CONNECTED:
        raise NotNow("The Google account is not connected any more.", code="account_refused")


def _refuse_unknown(fields: Any) -> None:
    if fields:
        raise TypeError(f"no such field of a batch: {', '.join(sorted(fields))}")


def _changed(batch: InvitationBatch) -> None:
    live.changed(f"invitation_batch:{batch.pk}")
    notices.show(batch)


def _name_of(source: InvitationSource, is_dry_run: bool) -> str:
    what = "dry run, " if is_dry_run else ""
    return f"{source.name[:100]}, {what}{clock.now():%Y-%m-%d %H:%M}"


def _word(batch: InvitationBatch) -> str:
    return str(batch.get_state_display()).lower()
