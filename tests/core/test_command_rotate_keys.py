"""Key rotation: every secret under the new key, none lost."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command

from chatboost.core.fields import DecryptionFailed
from chatboost.messaging.models import Channel
from teams.models import Organization
from tests import factories

pytestmark = pytest.mark.django_db


def test_rotated_secret_is_read_with_the_new_key_alone(organization: Organization, settings: Any) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [old]
    channel = factories.channel(factories.bot(organization), access_token="a token")
    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    call_command("rotate_keys", verbosity=0)
    settings.FIELD_ENCRYPTION_KEYS = [new]
    assert Channel.objects.get(pk=channel.pk).access_token == "a token"


def test_secret_of_a_lost_key_raises_and_never_shows_the_ciphertext(
    organization: Organization, settings: Any
) -> None:
    channel = factories.channel(factories.bot(organization), access_token="a token")
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(DecryptionFailed):
        Channel.objects.get(pk=channel.pk)
