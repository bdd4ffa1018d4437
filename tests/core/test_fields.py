"""Encrypted fields: ciphertext at rest, keys that rotate, never a ciphertext handed out as text."""

from collections.abc import Callable

import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from pytest_django import Settings

from chatboost.core import fields
from chatboost.core.fields import DecryptionFailed, EncryptedTextField
from chatboost.messaging.models import Channel
from teams.models import Organization
from tests import factories

OLD, NEW, STRANGE = (Fernet.generate_key().decode() for _ in range(3))


@pytest.fixture
def keys(settings: Settings) -> Callable[..., None]:
    """Configure the keys: the first encrypts, all decrypt."""

    def configure(*given: str) -> None:
        settings.FIELD_ENCRYPTION_KEYS = list(given)

    return configure


@pytest.fixture
def channel(organization: Organization) -> Channel:
    return factories.channel(factories.bot(organization), access_token="EAAG-secret 🔑")


def at_rest(channel: Channel) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT access_token FROM messaging_channel WHERE id = %s", [channel.pk])
        return str(cursor.fetchone()[0])


def read(ciphertext: str | None) -> str | None:
    field = Channel._meta.get_field("access_token")
    assert isinstance(field, EncryptedTextField)
    return field.from_db_value(ciphertext, None, None)


def written(text: str | None) -> str | None:
    return EncryptedTextField().get_prep_value(text)


def test_value_comes_back_as_it_was_and_rests_encrypted(channel: Channel) -> None:
    assert Channel.objects.get().access_token == "EAAG-secret 🔑"
    assert "EAAG" not in at_rest(channel)


def test_same_value_is_never_encrypted_to_the_same_text(keys: Callable[..., None]) -> None:
    keys(NEW)

    assert written("secret") != written("secret")


@pytest.mark.parametrize("text", ["", None])
def test_empty_value_is_stored_as_it_is(keys: Callable[..., None], text: str | None) -> None:
    keys(NEW)

    assert written(text) == text
    assert read(text) == text


@pytest.mark.django_db
def test_channels_without_a_token_can_be_asked_of_the_database(channel: Channel) -> None:
    bare = factories.channel(channel.bot)

    assert list(Channel.objects.filter(access_token="")) == [bare]


def test_value_of_an_older_key_is_read_and_written_with_the_first(keys: Callable[..., None]) -> None:
    keys(OLD)
    old = written("secret")
    keys(NEW, OLD)
    new = written("secret")

    assert read(old) == read(new) == "secret"
    keys(NEW)
    assert read(new) == "secret"


def test_rotated_value_no_longer_needs_the_older_key(keys: Callable[..., None]) -> None:
    keys(OLD)
    old = written("secret") or ""
    keys(NEW, OLD)
    rotated = fields.rotated(old)
    keys(NEW)

    assert read(rotated) == "secret"


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-4], lambda text: "plain words", lambda text: text[::-1]]
)
def test_value_that_does_not_decrypt_is_an_error_that_tells_nothing(
    keys: Callable[..., None], damage: Callable[[str], str]
) -> None:
    keys(NEW)
    damaged = damage(written("secret") or "")

    with pytest.raises(DecryptionFailed) as caught:
        read(damaged)
    assert damaged not in str(caught.value)
    assert "access_token" in str(caught.value)


def test_value_of_a_strange_key_is_never_handed_out(keys: Callable[..., None]) -> None:
    keys(STRANGE)
    foreign = written("secret")
    keys(NEW, OLD)

    with pytest.raises(DecryptionFailed):
        read(foreign)


def test_secret_without_any_key_can_not_be_written(keys: Callable[..., None]) -> None:
    keys()

    with pytest.raises(ImproperlyConfigured):
        written("secret")


def test_secret_is_absent_from_a_dump(channel: Channel) -> None:
    dump = serializers.serialize("json", [channel])

    assert "EAAG" not in dump
    assert at_rest(channel) not in dump
