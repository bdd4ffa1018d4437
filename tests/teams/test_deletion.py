"""Organizations deleted, restored and purged."""

from collections.abc import Callable, Collection
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, models
from rest_framework.test import APIClient

from chatboost.core import clock, files, mail
from chatboost.core.errors import Conflict
from chatboost.core.models import AuditEntry, File, Mail, MailState, WorkItem, WorkState
from chatboost.core.tenancy import activity
from chatboost.core.work import drain, queue
from chatboost.core.work.holds import ASIDE
from chatboost.core.work.kinds import Item
from chatboost.messaging.models import Contact
from teams import purging
from teams.models import Membership, Organization, User
from teams.roles import Role
from teams.services import deletion
from tests import factories
from tests.architecture import tenants

pytestmark = pytest.mark.django_db

Bearer = Callable[[User], APIClient]
ApiFor = Callable[..., APIClient]


def owner_of(organization: Organization) -> User:
    return Membership.objects.get(organization=organization, role=Role.OWNER).user


@pytest.fixture
def deleted(organization: Organization) -> Organization:
    deletion.delete(organization=organization, slug="acme", actor=owner_of(organization))
    return organization


def path(organization: Organization) -> str:
    return f"/team/organizations/{organization.pk}"


# Deleting


@pytest.mark.parametrize("slash", ["", "/"])
def test_owner_deletes_and_everybody_is_out(
    organization: Organization, bearer: Bearer, api_for: ApiFor, slash: str
) -> None:
    owner, member = owner_of(organization), factories.member(organization)
    clients = [bearer(owner), bearer(member)]
    key = api_for(organization)

    answer = clients[0].delete(path(organization) + slash, {"slug": "acme"}, format="json")

    organization.refresh_from_db()
    assert answer.status_code == 204
    assert organization.deleted_at is not None
    assert organization.is_active is False
    assert [client.get(path(organization)).status_code for client in clients] == [404, 404]
    assert [client.get("/contacts").status_code for client in clients] == [400, 400]
    assert key.get("/auth/me").status_code == 401
    entry = AuditEntry.objects.get(verb="organization.deleted")
    assert (entry.organization_id, entry.actor_id) == (organization.pk, owner.pk)


@pytest.mark.parametrize("body", [{"slug": "Acme"}, {"slug": "globex"}, {"slug": "acme2"}])
def test_another_slug_deletes_nothing(
    organization: Organization, bearer: Bearer, body: dict[str, Any]
) -> None:
    answer = bearer(owner_of(organization)).delete(path(organization), body, format="json")

    organization.refresh_from_db()
    assert (answer.status_code, answer.json()["code"]) == (400, "slug_mismatch")
    assert "slug" in answer.json()["errors"]
    assert organization.is_active


@pytest.mark.parametrize(
    "body", [None, {}, [], {"slug": None}, {"slug": 5}, {"slug": ""}, {"slug": "acme", "x": 1}]
)
def test_wrong_body_deletes_nothing(organization: Organization, bearer: Bearer, body: Any) -> None:
    answer = bearer(owner_of(organization)).delete(path(organization), body, format="json")

    organization.refresh_from_db()
    assert answer.status_code == 400
    assert organization.is_active


@pytest.mark.parametrize("role", [Role.ADMIN, Role.EDITOR, Role.AGENT, Role.VIEWER])
def test_nobody_but_owners_deletes(organization: Organization, bearer: Bearer, role: str) -> None:
    client = bearer(factories.member(organization, role))

    answer = client.delete(path(organization), {"slug": "acme"}, format="json")

    assert answer.status_code == 403


def test_key_deletes_nothing(organization: Organization, api_for: ApiFor) -> None:
    answer = api_for(organization, role=Role.OWNER).delete(
        path(organization), {"slug": "acme"}, format="json"
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "user_required")


def test_foreign_organization_answers_404(
    organization: Organization, other_organization: Organization, bearer: Bearer
) -> None:
    answer = bearer(owner_of(organization)).delete(
        path(other_organization), {"slug": "globex"}, format="json"
    )

    assert answer.status_code == 404


def test_signed_link_to_a_file_ends_with_the_organization(
    organization: Organization, monkeypatch: pytest.MonkeyPatch, stored: File
) -> None:
    link = files.link(stored).partition("//")[2].partition("/")[2]
    assert APIClient().get(f"/{link}").status_code == 200

    deletion.delete(organization=organization, slug="acme")

    assert APIClient().get(f"/{link}").status_code == 404


@pytest.fixture
def stored(organization: Organization, settings: Any, tmp_path: Path) -> File:
    """A file of the first organization, with bytes in a storage of the test's own."""
    settings.MEDIA_ROOT = str(tmp_path)
    return written(organization, "one")


def written(organization: Organization, text: str) -> File:
    file = File.objects.create(
        organization_id=organization.pk,
        purpose="test",
        permission="core.view_file",
        path=f"test/{organization.pk}/{text}",
        name=f"{text}.txt",
        content_type="text/plain",
        state="ready",
        size=len(text),
    )
    default_storage.save(file.path, ContentFile(text.encode()))
    return file


# Its work


def owe(organization_id: int, *, lane: str | None = None, subject_id: int = 1) -> None:
    queue.enqueue(
        queue.Order(
            kind="core.mail",
            subject_id=subject_id,
            organization_id=organization_id,
            queue="interactive",
            lane=lane,
        )
    )


def test_nothing_goes_out_for_a_deleted_organization(
    deleted: Organization, other_organization: Organization, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = 1  # nobody listens there
    for organization in (deleted, other_organization):
        mail.queue(to="a@example.com", template="test", context={}, organization_id=organization.pk)

    drain.drain("interactive")

    held, tried = (Mail.objects.get(organization_id=each.pk) for each in (deleted, other_organization))
    assert (held.state, held.attempt_count) == (MailState.QUEUED, 0)
    assert tried.attempt_count == 1
    item = WorkItem.objects.get(organization_id=deleted.pk)
    assert (item.state, item.run_at, item.token) == (WorkState.SCHEDULED, ASIDE, None)


def test_work_goes_on_after_a_restore_in_its_old_order(deleted: Organization) -> None:
    for number in range(1, 6):
        owe(deleted.pk, lane="one lane", subject_id=number)
    drain.drain("interactive")
    assert set(WorkItem.objects.values_list("state", flat=True)) == {WorkState.SCHEDULED}

    deletion.restore(organization=deleted)

    rows = WorkItem.objects.order_by("id").values_list("subject_id", "state")
    assert list(rows) == [(number, WorkState.READY) for number in range(1, 6)]
    assert drain.drain("interactive") == 5
    assert not WorkItem.objects.exists()


def test_work_claimed_before_a_restore_is_not_put_aside_after_it(
    deleted: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = activity.inactive

    def restored_meanwhile(ids: Collection[int]) -> set[int]:
        found = asked(ids)
        deletion.restore(organization=deleted)
        return found

    owe(deleted.pk)
    monkeypatch.setattr(activity, "inactive", restored_meanwhile)

    assert drain.drain("interactive") == 1
    assert not WorkItem.objects.exists()


def test_work_that_waits_for_its_time_keeps_it(deleted: Organization) -> None:
    soon = clock.now() + timedelta(days=1)
    queue.enqueue(
        queue.Order(
            kind="core.mail", subject_id=1, organization_id=deleted.pk, queue="interactive", run_at=soon
        )
    )

    deletion.restore(organization=deleted)

    assert WorkItem.objects.get().run_at == soon


def test_twin_of_held_work_is_dropped(deleted: Organization) -> None:
    order = queue.Order(
        kind="core.mail", subject_id=1, organization_id=deleted.pk, queue="interactive", dedupe_key="once"
    )
    for _ in range(2):
        queue.enqueue(order)
        drain.drain("interactive")

    assert WorkItem.objects.count() == 1


# Restoring


def test_restore_lets_everybody_in_again(deleted: Organization, bearer: Bearer) -> None:
    owner, staff = owner_of(deleted), factories.user(is_staff=True)
    client = bearer(owner)
    assert client.get(path(deleted)).status_code == 404

    assert deletion.restore(organization=deleted, actor=staff) is True

    deleted.refresh_from_db()
    assert (deleted.is_active, deleted.deleted_at) == (True, None)
    assert client.get(path(deleted)).status_code == 200
    assert AuditEntry.objects.get(verb="organization.restored").actor_id == staff.pk
    assert deletion.restore(organization=deleted, actor=staff) is False


def test_restore_without_an_owner_who_can_sign_in_is_refused(deleted: Organization) -> None:
    User.objects.filter(pk=owner_of(deleted).pk).update(is_active=False)

    with pytest.raises(Conflict) as refusal:
        deletion.restore(organization=deleted)

    assert refusal.value.code == "no_owner"


# Purging


def purge(after: timedelta = timedelta(days=7, seconds=1)) -> None:
    """Let time pass, and the clock's work be done."""
    with clock.frozen(clock.now() + after):
        deletion.purge_due(clock.now())
        drain.drain("maintenance", names=[purging.KIND], max_time=timedelta(minutes=1))


def counts(organization: Organization) -> dict[str, int]:
    """Count an organization's rows, by table."""
    found = {
        model._meta.label: model._base_manager.filter(organization_id=organization.pk).count()
        for model in tenants.owned_models()
    }
    return {label: count for label, count in found.items() if count}


def rows_of(organization: Organization) -> dict[str, list[dict[str, Any]]]:
    return {
        model._meta.label: list(
            model._base_manager.filter(organization_id=organization.pk).order_by("pk").values()
        )
        for model in tenants.owned_models()
    }


def test_nothing_is_left_of_a_purged_organization_and_everything_of_the_other(
    settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    one = tenants.tenant("umbrella", "xanthiccanary", tenants.FIRST_OF_A)
    other = tenants.tenant("initech", "plainwords", tenants.FIRST_OF_B)
    # A row of each model: otherwise the test could not fail.
    assert counts(one.organization).keys() == {model._meta.label for model in tenants.owned_models()}
    paths = list(File.objects.filter(organization_id=one.organization.pk).values_list("path", flat=True))
    before = rows_of(other.organization)
    deletion.delete(organization=one.organization, slug="umbrella", actor=one.owner)

    purge()

    assert counts(one.organization) == {}
    assert not Organization.objects.filter(pk=one.organization.pk).exists()
    assert rows_of(other.organization) == before
    assert [default_storage.exists(each) for each in paths] == [False] * len(paths)
    assert paths
    assert User.objects.filter(pk=one.owner.pk).exists()
    entry = AuditEntry.objects.get(verb="organization.purged")
    assert (entry.organization_id, entry.changes["slug"]) == (0, ["umbrella", None])
    assert not WorkItem.objects.filter(kind=purging.KIND).exists()


def test_purge_takes_its_time(deleted: Organization) -> None:
    purge(after=timedelta(days=6, hours=23))
    assert Organization.objects.filter(pk=deleted.pk).exists()

    purge()
    assert not Organization.objects.filter(pk=deleted.pk).exists()


def test_purge_takes_a_limited_number_of_rows_at_once(deleted: Organization) -> None:
    for _ in range(450):
        factories.contact(deleted)
    item = Item(1, purging.KIND, deleted.pk, 0, None, 0, 0, uuid4())
    left = [450]

    while left[-1]:
        purging.PurgeKind().prepare([item])
        left.append(Contact.objects.filter(organization=deleted).count())

    taken = {before - after for before, after in pairwise(left)} - {0}
    assert taken == ({200, 50} if connection.vendor == "sqlite" else {450})


def test_restore_after_the_purge_has_begun_is_refused(deleted: Organization) -> None:
    with clock.frozen(clock.now() + timedelta(days=8)):
        deletion.purge_due(clock.now())

    with pytest.raises(Conflict) as refusal:
        deletion.restore(organization=deleted)

    assert refusal.value.code == "purge_begun"


def test_purge_that_was_given_up_bars_neither_the_next_one_nor_the_restore(deleted: Organization) -> None:
    with clock.frozen(clock.now() + timedelta(days=8)):
        deletion.purge_due(clock.now())
        given_up = WorkItem.objects.filter(kind=purging.KIND)
        given_up.update(state=WorkState.DEAD, error_count=8)
        deletion.purge_due(clock.now())
        assert list(given_up.values_list("state", "error_count")) == [(WorkState.READY, 0)]
        given_up.update(state=WorkState.DEAD)

    assert deletion.restore(organization=deleted)


def test_purge_begins_once(deleted: Organization) -> None:
    with clock.frozen(clock.now() + timedelta(days=8)):
        for _ in range(3):
            deletion.purge_due(clock.now())

    assert WorkItem.objects.filter(kind=purging.KIND).count() == 1


def test_restored_organization_is_not_purged(deleted: Organization) -> None:
    with clock.frozen(clock.now() + timedelta(days=8)):
        queue.enqueue(purging.order(deleted.pk))
        Organization.objects.filter(pk=deleted.pk).update(deleted_at=None, is_active=True)
        drain.drain("maintenance", names=[purging.KIND])

    assert Membership.objects.filter(organization=deleted).exists()


def test_storage_that_refuses_is_tried_again(
    deleted: Organization, stored: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = Path(default_storage.path(stored.path))
    blocked.unlink()
    (blocked / "in the way").mkdir(parents=True)
    purge()

    item = WorkItem.objects.get(kind=purging.KIND)
    assert File.objects.filter(pk=stored.pk).exists()
    assert item.error_count == 1

    (blocked / "in the way").rmdir()
    WorkItem.objects.filter(pk=item.pk).update(run_at=clock.now())
    with clock.frozen(clock.now() + timedelta(days=8)):
        drain.drain("maintenance", names=[purging.KIND])
    assert not Organization.objects.filter(pk=deleted.pk).exists()


# The order of tables


def test_what_points_goes_before_what_it_points_at() -> None:
    order = [table.model for table in purging.tables()]
    place = {model: number for number, model in enumerate(order)}

    for table in purging.tables():
        for key in table.model._meta.concrete_fields:
            target = key.related_model
            if isinstance(key, models.ForeignKey) and target in place and target is not table.model:
                let_go = {(each.model, each.field) for each in purging.tables()[place[target]].emptied}
                is_before = place[table.model] < place[target]
                assert is_before or (table.model, key.name) in let_go, f"{table.model} → {target}"


def test_every_model_of_an_organization_is_covered() -> None:
    covered = {table.model for table in purging.tables()}

    assert {model for model in tenants.owned_models() if not model._meta.proxy} <= covered
    assert not covered & {User, Organization}
