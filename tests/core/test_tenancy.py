"""The wall between organizations, and the search for what got across."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Q

from chatboost.core import tenancy, ticks
from chatboost.core.models import Job, JobState
from chatboost.core.tenancy import crossings
from chatboost.core.ticks import firing
from chatboost.core.work.drain import drain
from chatboost.messaging.models import Bot, Channel, Contact, ContactAttribute
from teams.models import Organization
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return factories.bot(organization)


@pytest.mark.parametrize(
    "run",
    [
        lambda rows: list(rows),
        lambda rows: list(rows.filter(name="x")),
        lambda rows: rows.first(),
        lambda rows: rows.get(pk=1),
        lambda rows: rows.count(),
        lambda rows: list(rows.iterator()),
        lambda rows: rows.values_list("pk", flat=True)[:1][0],
        lambda rows: rows.update(name="y"),
        lambda rows: rows.delete(),
        lambda rows: rows.in_bulk([1]),
        lambda rows: list(rows.exclude(organization=1)),
        lambda rows: list(rows.filter(~Q(organization=1))),
        lambda rows: list(rows.filter(Q(organization=1) | Q(pk=1))),
        lambda rows: list(rows.for_organization(1) | rows.filter(pk=1)),
        lambda rows: list(rows.filter(organization=None)),
        lambda rows: list(rows.filter(pk__in=rows.filter(name="x"))),
    ],
)
def test_unbound_query_behind_the_wall_is_refused(run: object, bot: Bot) -> None:
    with tenancy.wall(), pytest.raises(tenancy.UnboundQuery):
        run(Bot.objects.all())  # type: ignore[operator]


def test_bound_query_behind_the_wall_runs(organization: Organization, bot: Bot) -> None:
    channel = factories.channel(bot)
    with tenancy.wall():
        assert list(Bot.objects.for_organization(organization)) == [bot]
        assert list(Bot.objects.filter(organization_id__in=[organization.pk])) == [bot]
        assert list(Channel.objects.filter(bot__organization=organization)) == [channel]
        assert list(Channel.objects.filter(bot=bot)) == [channel]
        assert list(Channel.objects.filter(Q(bot__in=[bot]) & Q(is_active=True))) == [channel]
        assert list(Channel.objects.filter(bot__in=Bot.objects.for_organization(organization))) == [channel]
        assert list(bot.channels.all()) == [channel]
        assert Bot.objects.across_organizations().count() == 1
        assert Bot.objects.none().count() == 0
        assert Bot.objects.filter(pk=bot.pk).exists()
        assert channel.bot == bot


def test_rows_that_were_loaded_are_saved_behind_the_wall(organization: Organization, bot: Bot) -> None:
    with tenancy.wall():
        bot.name = "Changed"
        bot.full_clean()
        bot.save()
        Bot.objects.bulk_update([bot], ["name"])
        bot.refresh_from_db()
        assert bot.name == "Changed"
        bot.delete()
    assert not Bot.objects.exists()


def test_without_the_wall_every_query_runs(bot: Bot) -> None:
    with tenancy.wall():
        pass
    assert Bot.objects.count() == 1


@pytest.fixture
def crossed(organization: Organization, other_organization: Organization) -> ContactAttribute:
    """An attribute of one organization about another's contact."""
    foreign = factories.contact(other_organization)
    row: ContactAttribute = ContactAttribute.objects.create(
        organization=organization, contact=foreign, key="city", value="x", search_value="x"
    )
    return row


def test_relations_between_rows_of_organizations_are_all_looked_at() -> None:
    names = {str(relation) for relation in crossings.relations()}
    assert {"messaging.Message.conversation", "flows.Execution.contact", "triggers.Trigger.flow"} <= names


def test_command_is_content_with_rows_that_stay_inside(bot: Bot, capsys: pytest.CaptureFixture[str]) -> None:
    factories.channel(bot)
    call_command("check_tenancy")
    assert "stay inside" in capsys.readouterr().out


def test_command_names_what_crosses(crossed: ContactAttribute) -> None:
    with pytest.raises(CommandError):
        call_command("check_tenancy")
    assert crossings.find() == {"messaging.ContactAttribute.contact": [crossed.pk]}


def test_nightly_check_ends_well_when_nothing_crosses(bot: Bot) -> None:
    assert _night().state == JobState.DONE


def test_nightly_check_fails_with_the_rows_that_cross(
    crossed: ContactAttribute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crossings, "ROWS_AT_ONCE", 1)
    Contact.objects.bulk_create(
        [Contact(organization=crossed.organization, phone=f"+1555000{n}") for n in range(1000, 1005)]
    )
    job = _night()
    assert job.state == JobState.FAILED
    assert f"messaging.ContactAttribute.contact of [{crossed.pk}]" in job.error


def test_nightly_check_steps_over_gaps_between_ids(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crossings, "ROWS_AT_ONCE", 2)
    Contact.objects.bulk_create(
        [
            Contact(pk=pk, organization=organization, phone=f"+1555{pk:07}")
            for pk in (1, 2, 1_000_000, 1_000_001, 9_000_000)
        ]
    )
    assert [crossings.last_of_range(Contact, first) for first in (0, 3, 1_000_002)] == [2, 1_000_001, None]
    assert _night().state == JobState.DONE


def _night() -> Job:
    assert "check tenancy" in ticks.registered()
    now = datetime.now(UTC) + timedelta(days=1)
    firing.fire("check tenancy", now=now)
    while drain("maintenance", now=lambda: now):
        pass
    return Job.objects.get(kind="core.check_tenancy")
