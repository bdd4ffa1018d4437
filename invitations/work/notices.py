"""The last step: the chat is told, and the invitation has ended."""

from collections.abc import Sequence
from typing import Final

from chatboost.core.work import finish
from chatboost.core.work.kinds import BatchKind, Item
from invitations.choices import BatchState, Step, StepState
from invitations.models import Invitation, InvitationStep
from invitations.services.notices import Moment
from invitations.work.book import Book
from invitations.work.stepping import GIVEN_UP


class NotifyKind(BatchKind[Book, Invitation | None]):
    """Ends invitations."""

    name = "invitations.notify"
    step: Final = Step.NOTIFY

    def load(self, items: Sequence[Item]) -> Book:
        """Lock the items, then their batches and invitations."""
        return Book(Step.NOTIFY, [item.subject_id for item in finish.still_held(items)])

    def apply(self, item: Item, context: Book) -> Invitation | None:
        """Find the item's invitation; None when nothing is left to do for it."""
        return context.at_step(item.subject_id)

    def save(self, results: Sequence[Invitation | None], context: Book) -> None:
        """Tell the chat and end them."""
        given = [invitation for invitation in results if invitation is not None]
        linked = InvitationStep.objects.filter(invitation__in=given, step=Step.LINK, state=StepState.DONE)
        ids = set(linked.values_list("invitation_id", flat=True)) if given else set()
        for invitation in given:
            if context.batches[invitation.batch_id].state == BatchState.CANCELLED:
                context.cancel(invitation)
            elif context.may_go_on(invitation):
                context.begin(invitation)
                context.tell(invitation, Moment.DONE, is_linked=invitation.pk in ids)
                context.done(invitation)
        context.close()

    def on_dead(self, subject_ids: Sequence[int]) -> None:
        """End what was given up."""
        book = Book(Step.NOTIFY, subject_ids)
        for invitation_id in subject_ids:
            invitation = book.at_step(invitation_id)
            if invitation is not None:
                book.fail(invitation, "given_up", GIVEN_UP)
        book.close()
