"""Everybody outside: a Mautic, a Google, a Telegram, photos; and an organization that uses them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chatboost.core import clock
from invitations.choices import SourceKind, StorageKind
from invitations.models import InvitationSource
from teams.models import AccountKind, ConnectedAccount, Organization, Purpose, TelegramChat
from tests.fakes.google import DRIVE_SCOPE, GoogleFake
from tests.fakes.images import ImageHost
from tests.fakes.mautic import PASSWORD, USER, MauticFake
from tests.fakes.telegram import CHAT, TOKEN, TelegramFake


@dataclass
class Outside:
    """The fakes, running."""

    mautic: MauticFake
    google: GoogleFake
    telegram: TelegramFake
    images: ImageHost

    @property
    def private_hosts(self) -> list[str]:
        """What of them is called by an address that somebody typed."""
        return [self.mautic.authority, self.images.authority]


@contextmanager
def running() -> Iterator[Outside]:
    """Start everybody."""
    with ExitStack() as stack:
        yield Outside(
            stack.enter_context(MauticFake()),
            stack.enter_context(GoogleFake()),
            stack.enter_context(TelegramFake()),
            stack.enter_context(ImageHost()),
        )


def known(outside: Outside, settings: Any) -> None:
    """Have the product's settings lead to them."""
    settings.FETCH_ALLOWED_PRIVATE_HOSTS = outside.private_hosts
    settings.TELEGRAM_API_URL = outside.telegram.url
    settings.PUBLIC_BASE_URL = "https://console.example"
    for name, value in outside.google.settings.items():
        setattr(settings, name, value)


def account(organization: Organization, google: GoogleFake) -> ConnectedAccount:
    """An account at Google whose token is good for a while."""
    access, refresh = google.accounts.issue("1001", frozenset({DRIVE_SCOPE}))
    return ConnectedAccount.objects.create(
        organization=organization,
        purpose=Purpose.DRIVE,
        kind=AccountKind.OAUTH,
        email="ada@example.com",
        subject="1001",
        scopes=[DRIVE_SCOPE],
        refresh_token=refresh,
        access_token=access,
        access_token_expires_at=clock.now() + timedelta(hours=3),
    )


def token(google: GoogleFake) -> str:
    """A token of the same person's."""
    return google.accounts.issue("1001", frozenset({DRIVE_SCOPE}))[0]


def chat(organization: Organization) -> TelegramChat:
    """The organization's chat."""
    return TelegramChat.objects.create(organization=organization, bot_token=TOKEN, chat_id=CHAT)


def mautic(organization: Organization, base_url: str, **fields: Any) -> InvitationSource:
    """A Mautic whose contacts' cards go to Drive, where an account is given."""
    fields.setdefault("name", "Mautic")
    if fields.get("account") is not None:
        fields.setdefault("storage", StorageKind.DRIVE)
    return InvitationSource.objects.create(
        organization=organization,
        kind=SourceKind.MAUTIC,
        base_url=base_url,
        username=USER,
        password=PASSWORD,
        **{"photo_field": "photo", **fields},
    )
