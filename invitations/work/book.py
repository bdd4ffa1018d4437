"""Invitations under the locks of their batches, and all that a transaction writes about them.

Locks are taken in one order everywhere: work items, sources and accounts, batches, invitations, steps.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from chatboost.core import clock, live
from chatboost.core.db import rows
from chatboost.core.work import queue as work
from invitations.choices import OPEN, STEPS, BatchState, InvitationState, Step, StepState
from invitations.models import Invitation, InvitationBatch, InvitationStep
from invitations.services import completion, notices, steps
from invitations.services.notices import Moment, Notice

_STEP_COLUMNS: Final = (
    *("state", "attempt_count", "external_id", "error_code", "error_detail", "started_at", "ended_at"),
)
# What steps write; cancelling and erasing write other columns, under the same lock.
_COLUMNS: Final = (
    *("state", "step", "error_code", "error_detail", "notes", "finished_at", "found_link", "link"),
    *("photo_uuid", "photo_width", "photo_height", "face", "card_uuid", "card_media_type"),
    *("card_width", "card_height", "thumbnail_uuid", "drive_id", "is_on_drive"),
)


class Book:
    """Some invitations at one step, until `close`. Of those, `open_at_step` are still there to be done."""

    def __init__(self, step: Step, invitation_ids: Iterable[int]) -> None:
        """Lock the batches, then the invitations that have not ended."""
        ids = list(invitation_ids)
        self.step = step
        batch_ids = set(Invitation.objects.filter(pk__in=ids).values_list("batch_id", flat=True))
        self.batches = locked_batches(batch_ids)
        found = Invitation.objects.filter(pk__in=ids).select_for_update(no_key=True).order_by("id")
        self.invitations: dict[int, Invitation] = {row.pk: row for row in found}
        for invitation in self.invitations.values():
            invitation.batch = self.batches[invitation.batch_id]
        ledger = InvitationStep.objects.filter(invitation__in=ids, step=step).order_by("id")
        self._ledger: dict[int, InvitationStep] = {row.invitation_id: row for row in ledger}
        self._begun: set[int] = set()
        self._changed: set[int] = set()
        self._advanced: list[Invitation] = []
        self._waiting: list[tuple[Invitation, datetime]] = []
        self._ended: dict[int, list[Invitation]] = defaultdict(list)
        self._notices: list[Notice] = []

    def at_step(self, invitation_id: int) -> Invitation | None:
        """Return an invitation that is to be done, and at this step; None when somebody else was first."""
        invitation = self.invitations.get(invitation_id)
        if invitation is None or invitation.state not in OPEN or invitation.step != self.step:
            return None
        return invitation

    def may_go_on(self, invitation: Invitation) -> bool:
        """Tell whether the invitation's batch runs; work of others ends, and is owed again by `resume`."""
        return bool(self.batches[invitation.batch_id].state == BatchState.RUNNING)

    # What is noted

    def begin(self, invitation: Invitation) -> None:
        """Note a try of the step."""
        row = self.ledger(invitation)
        row.attempt_count += 1
        if invitation.state == InvitationState.PENDING:
            invitation.state = InvitationState.RUNNING
            self._changed.add(invitation.pk)

    def ledger(self, invitation: Invitation) -> InvitationStep:
        """Return the step's row, which will be saved."""
        self._begun.add(invitation.pk)
        if (row := self._ledger.get(invitation.pk)) is None or row.state == StepState.FAILED:
            row = self._ledger[invitation.pk] = InvitationStep(
                pk=row.pk if row else None,
                organization_id=invitation.organization_id,
                invitation=invitation,
                step=self.step,
                started_at=clock.now(),
            )
        return row

    def done(
        self,
        invitation: Invitation,
        *,
        state: StepState = StepState.DONE,
        external_id: str = "",
        code: str = "",
        message: str = "",
    ) -> None:
        """Note that the step is finished, and go on to the next: `code` says why, where it was left out."""
        row = self.ledger(invitation)
        row.state, row.ended_at, row.external_id = state, clock.now(), external_id[:200]
        row.error_code, row.error_detail = code[:40], message[:300]
        self._changed.add(invitation.pk)
        following = steps.after(self.step)
        if following is None:
            self._end(invitation, InvitationState.DONE)
        else:
            invitation.state, invitation.step = InvitationState.RUNNING, following
            self._advanced.append(invitation)

    def skip_rest(self, invitation: Invitation) -> None:
        """End an invitation whose step is finished without the steps behind it."""
        self._advanced.remove(invitation)
        behind = STEPS[STEPS.index(Step(invitation.step)) :]
        InvitationStep.objects.filter(invitation=invitation, step__in=behind).delete()
        now = clock.now()
        rows.create(
            [
                InvitationStep(
                    organization_id=invitation.organization_id,
                    invitation=invitation,
                    step=step,
                    state=StepState.SKIPPED,
                    started_at=now,
                    ended_at=now,
                )
                for step in behind
            ]
        )
        invitation.step = STEPS[-1]
        self._end(invitation, InvitationState.DONE)

    def fail(
        self,
        invitation: Invitation,
        code: str,
        message: str,
        state: InvitationState = InvitationState.FAILED,
    ) -> None:
        """End an invitation at this step."""
        row = self.ledger(invitation)
        row.state, row.ended_at = StepState.FAILED, clock.now()
        row.error_code, row.error_detail = code[:40], message[:300]
        invitation.error_code, invitation.error_detail = code[:40], message[:300]
        self._end(invitation, state)

    def cancel(self, invitation: Invitation) -> None:
        """End an invitation whose batch was cancelled."""
        self._end(invitation, InvitationState.CANCELLED)

    def put_off(self, invitation: Invitation, until: datetime) -> None:
        """Owe the step again later, in place of the item at hand. How long it was tried is forgotten."""
        self._waiting.append((invitation, until))
        if invitation.pk in self._ledger:
            self.ledger(invitation).started_at = clock.now()

    def remark(self, invitation: Invitation, code: str, message: str) -> None:
        """Note what is not as wished about what the step has made."""
        invitation.notes = [*invitation.notes, {"step": self.step.value, "code": code, "message": message}]
        self._changed.add(invitation.pk)

    def forget_remarks(self, invitation: Invitation) -> None:
        """Drop what was noted when the step was done before."""
        invitation.notes = [note for note in invitation.notes if note.get("step") != self.step.value]

    def touch(self, invitation: Invitation) -> None:
        """Save the invitation's columns at the end."""
        self._changed.add(invitation.pk)

    def tell(self, invitation: Invitation, moment: Moment, *, is_linked: bool = False) -> None:
        """Tell the organization's chat at the end."""
        self._notices.append(Notice(invitation, moment, is_linked))

    def _end(self, invitation: Invitation, state: InvitationState) -> None:
        invitation.state, invitation.finished_at = state, clock.now()
        self._changed.add(invitation.pk)
        self._ended[invitation.batch_id].append(invitation)

    # Writing

    def close(self) -> None:
        """Write everything: rows, the work that follows, messages, counts, perhaps the ends of batches."""
        begun = [self._ledger[pk] for pk in sorted(self._begun)]
        rows.create([row for row in begun if row.pk is None])
        rows.update([row for row in begun if row.pk is not None], _STEP_COLUMNS)
        rows.update([self.invitations[pk] for pk in sorted(self._changed)], _COLUMNS)
        going = [each for each in self._advanced if self.may_go_on(each)]
        waiting = [(each, until) for each, until in self._waiting if self.may_go_on(each)]
        work.enqueue_many(
            [*(steps.order(each) for each in going), *(steps.order(each, until) for each, until in waiting)]
        )
        notices.tell(self._notices, self.batches)
        self._close_batches()

    def _close_batches(self) -> None:
        changed = {self.invitations[pk].batch_id for pk in self._changed}
        for batch_id in sorted(changed):
            batch, ended = self.batches[batch_id], self._ended[batch_id]
            if ended:
                completion.count(batch, ended)
                completion.advance(batch)
            else:
                live.changed(f"invitation_batch:{batch_id}")


def locked_batches(ids: Iterable[int]) -> dict[int, InvitationBatch]:
    """Return batches by id, with their sources, accounts and organizations, locked in id order."""
    found: Any = InvitationBatch.objects.filter(pk__in=set(ids)).order_by("id")
    found = found.select_for_update(no_key=True, of=("self",))
    found = found.select_related("source", "account", "organization", "layout_version")
    return {row.pk: row for row in found}
