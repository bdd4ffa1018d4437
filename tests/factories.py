"""Rows for tests, made through the real services where a room has one."""

from itertools import count
from typing import Any

from chatboost.messaging.models import Bot, Channel, ChannelKind, Contact, Conversation
from teams.models import Organization, User
from teams.roles import Role
from teams.services import organizations

# The backend by which tests sign somebody in without a password.
SIGN_IN = "allauth.account.auth_backends.AuthenticationBackend"

_numbers = count(1)


def user(**fields: Any) -> User:
    """A user who can sign in with `correct horse battery`."""
    fields.setdefault("email", f"person{next(_numbers)}@example.com")
    return User.objects.create_user(password="correct horse battery", **fields)


def organization(*, owner: User | None = None, **fields: Any) -> Organization:
    """An organization with an owner."""
    fields.setdefault("name", f"Company {next(_numbers)}")
    return organizations.create(owner=owner or user(), **fields)


def member(of: Organization, role: str = Role.EDITOR) -> User:
    """A user with a role in the organization."""
    person = user()
    organizations.add_member(organization=of, user=person, role=role)
    return person


def bot(of: Organization, **fields: Any) -> Bot:
    """A bot without channels."""
    fields.setdefault("name", f"Bot {next(_numbers)}")
    return Bot.objects.create(organization=of, **fields)


def channel(of: Bot, **fields: Any) -> Channel:
    """A WhatsApp sandbox channel with a phone number id of its own."""
    fields.setdefault("kind", ChannelKind.WHATSAPP_SANDBOX)
    fields.setdefault("name", "WhatsApp")
    fields.setdefault("external_id", str(100_000_000_000 + next(_numbers)))
    return Channel.objects.create(organization_id=of.organization_id, bot=of, **fields)


def contact(of: Organization, **fields: Any) -> Contact:
    """A contact with a fictitious phone number."""
    fields.setdefault("phone", f"+1555{next(_numbers):07d}")
    return Contact.objects.create(organization=of, **fields)


def conversation(channel: Channel, contact: Contact, **fields: Any) -> Conversation:
    """A conversation of the contact on the channel, its window closed unless given."""
    return Conversation.objects.create(
        organization_id=channel.organization_id,
        bot_id=channel.bot_id,
        channel=channel,
        contact=contact,
        **fields,
    )
