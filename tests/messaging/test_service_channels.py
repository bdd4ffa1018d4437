"""Channels: their kind follows the credentials, their health the vendor."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pytest_django import Settings

from chatboost.core import clock
from chatboost.core.errors import Conflict, ValidationFailed
from chatboost.messaging.models import Bot, Channel, ChannelHealth, ChannelKind, Conversation
from chatboost.messaging.providers.base import Rejected, Unknown, Working
from chatboost.messaging.services import channels
from teams.models import Organization
from tests import factories
from tests.fakes.graph import DEFAULT_NUMBER_ID, DEFAULT_TOKEN, GraphFake
from tests.messaging.listening import listening


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return factories.bot(organization)


@pytest.fixture
def graph(settings: Settings) -> Iterator[GraphFake]:
    with GraphFake() as fake:
        settings.WHATSAPP_API_BASE_URL = fake.url
        yield fake


def _whatsapp(bot: Bot, **fields: str) -> Channel:
    values = {"phone_number_id": DEFAULT_NUMBER_ID, "access_token": DEFAULT_TOKEN} | fields
    return channels.create(bot=bot, kind=ChannelKind.WHATSAPP, **values)


@pytest.mark.parametrize("asked", [ChannelKind.WHATSAPP, ChannelKind.WHATSAPP_SANDBOX])
@pytest.mark.parametrize(
    ("token", "kind"), [("secret", ChannelKind.WHATSAPP), ("", ChannelKind.WHATSAPP_SANDBOX)]
)
def test_create_whatsapp_channel_is_real_only_with_a_token(
    bot: Bot, asked: str, token: str, kind: str
) -> None:
    channel = channels.create(bot=bot, kind=asked, phone_number_id="100", access_token=token)

    assert channel.kind == kind


def test_update_token_makes_a_sandbox_real_and_back(bot: Bot) -> None:
    channel = _whatsapp(bot, access_token="")

    assert channels.update(channel, access_token="secret").kind == ChannelKind.WHATSAPP
    assert channels.update(channel, access_token="").kind == ChannelKind.WHATSAPP_SANDBOX


def test_create_with_a_number_of_another_organization_is_a_conflict(
    bot: Bot, other_organization: Organization
) -> None:
    _whatsapp(factories.bot(other_organization, name="Secret project"))

    with pytest.raises(Conflict) as caught:
        _whatsapp(bot)

    assert caught.value.code == "phone_number_id_taken"
    assert "Secret" not in caught.value.message


def test_create_second_simulator_is_a_conflict(bot: Bot) -> None:
    channels.create(bot=bot, kind=ChannelKind.SIMULATOR)

    with pytest.raises(Conflict) as caught:
        channels.create(bot=bot, kind=ChannelKind.SIMULATOR)

    assert caught.value.code == "simulator_exists"


def test_create_token_without_number_is_refused(bot: Bot) -> None:
    with pytest.raises(ValidationFailed) as caught:
        channels.create(bot=bot, kind=ChannelKind.WHATSAPP, access_token="secret")

    assert caught.value.code == "phone_number_id_required"


def test_create_simulator_with_credentials_is_refused(bot: Bot) -> None:
    with pytest.raises(ValidationFailed) as caught:
        channels.create(bot=bot, kind=ChannelKind.SIMULATOR, app_secret="secret")

    assert caught.value.code == "simulator_has_no_credentials"


def test_update_other_number_closes_the_windows(bot: Bot, organization: Organization) -> None:
    channel = _whatsapp(bot)
    open_until = clock.now() + timedelta(hours=5)
    conversation = factories.conversation(
        channel, factories.contact(organization), window_expires_at=open_until
    )

    channels.update(channel, name="Shop")
    assert Conversation.objects.get(pk=conversation.pk).window_expires_at == open_until
    channels.update(channel, phone_number_id="200")

    assert Conversation.objects.get(pk=conversation.pk).window_expires_at is None


def test_release_forgets_credentials_and_switches_off(bot: Bot) -> None:
    channel = channels.release(_whatsapp(bot, app_secret="s", verify_token="v"))

    stored = Channel.objects.get(pk=channel.pk)
    assert (stored.external_id, stored.access_token, stored.app_secret, stored.verify_token) == (
        "",
        "",
        "",
        "",
    )
    assert not stored.is_active


def test_secrets_are_encrypted_at_rest(bot: Bot) -> None:
    channel = _whatsapp(bot)

    raw = (
        Channel.objects.filter(pk=channel.pk)
        .extra(select={"raw": "access_token"})
        .values_list("raw", flat=True)
    )

    assert DEFAULT_TOKEN not in raw[0]


def test_disable_twice_is_told_once(bot: Bot) -> None:
    channel = _whatsapp(bot)

    with listening("channel_health_changed") as heard:
        channels.disable(channel, reason="auth_failed: expired")
        channels.disable(channel, reason="again")

    stored = Channel.objects.get(pk=channel.pk)
    assert (stored.health, stored.health_reason) == (ChannelHealth.DISABLED, "auth_failed: expired")
    assert [(event["channel_id"], event["health"]) for event in heard] == [(channel.pk, "disabled")]


@pytest.mark.parametrize("change", [{"access_token": "new"}, {"phone_number_id": "200"}])
def test_update_new_credentials_make_a_disabled_channel_ok(bot: Bot, change: dict[str, str]) -> None:
    channel = _whatsapp(bot)
    channels.disable(channel, reason="auth_failed")

    channels.update(channel, **change)

    stored = Channel.objects.get(pk=channel.pk)
    assert (stored.health, stored.health_reason) == (ChannelHealth.OK, "")


def test_update_name_leaves_a_disabled_channel_disabled(bot: Bot) -> None:
    channel = _whatsapp(bot)
    channels.disable(channel, reason="auth_failed")

    channels.update(channel, name="Shop", access_token=DEFAULT_TOKEN)

    assert Channel.objects.get(pk=channel.pk).health == ChannelHealth.DISABLED


@pytest.mark.django_db(transaction=True)
def test_check_working_credentials_enables_and_notes_the_number(bot: Bot, graph: GraphFake) -> None:
    channel = _whatsapp(bot)
    channels.disable(channel, reason="auth_failed")

    outcome = channels.check(channel)

    assert isinstance(outcome, Working)
    stored = Channel.objects.get(pk=channel.pk)
    assert (stored.health, stored.address) == (ChannelHealth.OK, "+1 555-0100")


@pytest.mark.django_db(transaction=True)
def test_check_refused_credentials_disable_without_the_token(bot: Bot, graph: GraphFake) -> None:
    channel = _whatsapp(bot, access_token="wrong-token")

    outcome = channels.check(channel)

    assert isinstance(outcome, Rejected)
    stored = Channel.objects.get(pk=channel.pk)
    assert stored.health == ChannelHealth.DISABLED
    assert "wrong-token" not in stored.health_reason


@pytest.mark.django_db(transaction=True)
def test_check_unreachable_vendor_changes_nothing(bot: Bot, settings: Settings) -> None:
    with GraphFake() as fake:
        settings.WHATSAPP_API_BASE_URL = fake.url
    channel = _whatsapp(bot)

    outcome = channels.check(channel)

    assert isinstance(outcome, Rejected | Unknown)
    assert Channel.objects.get(pk=channel.pk).health == ChannelHealth.OK
