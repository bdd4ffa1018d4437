"""Bots and the channels they come with."""

import pytest

from chatboost.core.errors import Conflict, ValidationFailed
from chatboost.messaging.models import Bot, Channel, ChannelKind
from chatboost.messaging.selectors import bots as selectors
from chatboost.messaging.services import bots
from teams.models import Organization
from tests import factories


def _kinds(bot: Bot) -> list[str]:
    return sorted(Channel.objects.filter(bot=bot).values_list("kind", flat=True))


def test_create_bot_brings_a_simulator(organization: Organization) -> None:
    bot = bots.create(organization=organization, name="Shop")

    assert _kinds(bot) == [ChannelKind.SIMULATOR]
    assert selectors.default_channel(bot) is None


@pytest.mark.parametrize(
    ("token", "kind"), [("secret", ChannelKind.WHATSAPP), ("", ChannelKind.WHATSAPP_SANDBOX)]
)
def test_create_bot_with_a_number_brings_a_whatsapp_channel(
    organization: Organization, token: str, kind: str
) -> None:
    bot = bots.create(organization=organization, name="Shop", phone_number_id="100", access_token=token)

    channel = selectors.default_channel(bot)
    assert channel is not None
    assert (channel.kind, channel.external_id, channel.access_token) == (kind, "100", token)


def test_create_bot_with_a_taken_number_creates_nothing(
    organization: Organization, other_organization: Organization
) -> None:
    bots.create(organization=other_organization, name="Theirs", phone_number_id="100")

    with pytest.raises(Conflict):
        bots.create(organization=organization, name="Shop", phone_number_id="100")

    assert not Bot.objects.filter(organization=organization).exists()


def test_create_bot_with_a_token_alone_is_refused(organization: Organization) -> None:
    with pytest.raises(ValidationFailed) as caught:
        bots.create(organization=organization, name="Shop", access_token="secret")

    assert list(caught.value.errors) == ["whatsapp_phone_number_id"]


def test_update_number_on_a_bot_without_channel_opens_one(organization: Organization) -> None:
    bot = bots.update(bots.create(organization=organization, name="Shop"), phone_number_id="100")

    assert _kinds(bot) == [ChannelKind.SIMULATOR, ChannelKind.WHATSAPP_SANDBOX]


def test_update_of_other_fields_keeps_credentials(organization: Organization) -> None:
    bot = bots.create(organization=organization, name="Shop", phone_number_id="100", access_token="secret")

    bots.update(bot, name="Store", is_whatsapp_enabled=False)

    channel = selectors.default_channel(bot)
    assert channel is not None
    assert (channel.external_id, channel.access_token) == ("100", "secret")


def test_update_empty_number_releases_it_for_others(
    organization: Organization, other_organization: Organization
) -> None:
    bot = bots.create(organization=organization, name="Shop", phone_number_id="100", access_token="secret")

    bots.update(bot, phone_number_id="")

    bots.create(organization=other_organization, name="Theirs", phone_number_id="100")
    channel = selectors.default_channel(bot)
    assert channel is not None
    assert not channel.is_active


def test_update_number_after_release_revives_the_channel(organization: Organization) -> None:
    bot = bots.create(organization=organization, name="Shop", phone_number_id="100")
    bots.update(bot, phone_number_id="")

    bots.update(bot, phone_number_id="200")

    channel = selectors.default_channel(bot)
    assert channel is not None
    assert (channel.external_id, channel.is_active) == ("200", True)
    assert len(_kinds(bot)) == 2


def test_delete_bot_takes_channels_along(organization: Organization) -> None:
    bot = bots.create(organization=organization, name="Shop", phone_number_id="100")
    factories.conversation(Channel.objects.filter(bot=bot)[0], factories.contact(organization))

    bots.delete(bot)

    assert not Channel.objects.filter(external_id="100").exists()
