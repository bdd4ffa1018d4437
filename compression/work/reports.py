"""The end of a round by mail: the output table is written, then the mail, once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import connection
from django.urls import reverse

from chatboost.core import clock, files, mail
from chatboost.core.errors import ValidationFailed
from chatboost.core.models import File
from chatboost.core.work import finish
from chatboost.core.work.kinds import Decision, Done, EffectKind, Item, Retry
from compression import links
from compression.choices import OPEN
from compression.models import CompressionRequest
from compression.selectors import output_table
from compression.services import completion

logger = structlog.get_logger(__name__)

PURPOSE: Final = "compression-output"
PERMISSION: Final = "compression.view_compressionrequest"
# Larger ones are linked: many mail servers take no more than this.
MAX_ATTACHED: Final = 10 * 1024 * 1024
# A round may outlast its images.
KEPT_AT_LEAST: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Intent:
    """One table to write."""

    request: CompressionRequest


class ReportKind(EffectKind[Intent, File]):
    """Writes the output table and the mail that carries it."""

    name = completion.REPORT_KIND
    is_long = True

    def prepare(self, items: Sequence[Item]) -> Mapping[int, Intent | Decision]:
        """Leave out rounds whose mail is written, and requests that are worked on again."""
        ids = [item.subject_id for item in finish.still_held(items)]
        owed = {row.pk: row for row in CompressionRequest.objects.filter(pk__in=ids) if _is_owed(row)}
        return {
            item.id: Intent(owed[item.subject_id]) if item.subject_id in owed else Done() for item in items
        }

    def call(self, intent: Intent) -> File:
        """Write the table; unlike other calls it reads rows, on a connection of its own."""
        request = intent.request
        try:
            return files.write(
                organization_id=request.organization_id,
                purpose=PURPOSE,
                permission=PERMISSION,
                name=output_table.name_of(request),
                content_type=output_table.CONTENT_TYPE,
                chunks=output_table.write(request),
                expires_in=_kept_for(request),
            )
        finally:
            connection.close()

    def settle(self, results: Sequence[tuple[Item, Intent, File | Exception]]) -> Mapping[int, Decision]:
        """Write the mails; what failed for no reason of the request's own is tried again."""
        finish.still_held([item for item, _, _ in results])
        ids = [intent.request.pk for _, intent, _ in results]
        found = CompressionRequest.objects.filter(pk__in=ids).select_for_update(no_key=True).order_by("id")
        requests = {row.pk: row for row in found}
        decisions: dict[int, Decision] = {}
        for item, intent, outcome in results:
            decisions[item.id] = _settled(requests.get(intent.request.pk), intent, outcome)
        return decisions


def _kept_for(request: CompressionRequest) -> timedelta:
    """Return for how long the table is kept: as the images, but for whoever reads the mail in a few days."""
    return max(request.files_expire_at - clock.now(), KEPT_AT_LEAST)


def _is_owed(request: CompressionRequest) -> bool:
    return request.state not in OPEN and request.mailed_round < request.round


def _settled(request: CompressionRequest | None, intent: Intent, outcome: File | Exception) -> Decision:
    if request is None or not _is_owed(request) or request.round != intent.request.round:
        _give_up(outcome)
        return Done()
    if isinstance(outcome, Exception):
        logger.warning("compression_report_failed", request=request.pk, exc_info=outcome)
        return Retry(f"{type(outcome).__name__}: {outcome}")
    try:
        _queue_mail(request, outcome)
    except ValidationFailed as refusal:
        # The address was good when it was given: nothing will make it so again.
        logger.warning("compression_mail_refused", request=request.pk, code=refusal.code)
    request.mailed_round, request.report_file_uuid = request.round, outcome.uuid
    request.save(update_fields=["mailed_round", "report_file_uuid"])
    return Done()


def _queue_mail(request: CompressionRequest, file: File) -> None:
    is_attached = file.size <= MAX_ATTACHED
    mail.queue(
        to=request.email,
        template="compression_completed",
        context=_context(request, file, is_attached=is_attached),
        dedupe_key=f"compression:{request.pk}:{request.round}",
        organization_id=request.organization_id,
        file_uuids=[file.uuid] if is_attached else [],
    )


def _context(request: CompressionRequest, file: File, *, is_attached: bool) -> dict[str, Any]:
    return {
        "request": request,
        "state": request.get_state_display().lower(),
        "organization": request.organization.name,
        "link": "" if is_attached else files.link(file, _kept_for(request)),
        "page": f"{links.base()}{reverse('admin:compression_compressionrequest_change', args=[request.pk])}",
    }


def _give_up(outcome: File | Exception) -> None:
    if isinstance(outcome, File):
        files.give_up([UUID(str(outcome.uuid))])
