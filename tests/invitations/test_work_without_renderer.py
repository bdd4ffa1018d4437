"""An installation whose renderer does not start, a library missing: that is nobody's photo's fault."""

from datetime import timedelta

import pytest

from chatboost.core import isolation
from invitations import renderers
from invitations.choices import InvitationState, Step
from invitations.rendering import Pool
from teams.models import Organization
from tests.invitations import running

pytestmark = pytest.mark.django_db(transaction=True)


class BrokenPool(Pool):
    """A pool whose children have nothing to run."""

    def __init__(self) -> None:
        """Name a service that is not there."""
        super().__init__(1)
        self._pool = isolation.Pool("invitations.rendering.no_such_service", 1)


def test_renderer_that_does_not_start_makes_no_avatars(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renderers, "pool", BrokenPool)
    batch = running.started(running.sandbox(organization), is_dry_run=True)
    running.work(within=timedelta(seconds=1))
    for row in running.rows(batch):
        assert (row.state, row.step) in (
            (InvitationState.PENDING, Step.PHOTO),
            (InvitationState.RUNNING, Step.PHOTO),
        )
        assert not row.notes
