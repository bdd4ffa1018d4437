"""Addresses of accounts: which are taken, which are proved, and what falls away once an account's own is.

Whoever registers may have named somebody else's address. Until its mail was read, the account has no other
address and no Google account: by those its maker could come back after the address's owner has moved in.
"""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db import transaction

from chatboost.core import audit
from teams.models import User
from teams.services import sessions

INSTALLATION = 0


def is_taken(email: str) -> bool:
    """Tell whether somebody signs in with this address, or has proved that it is theirs."""
    return User.objects.filter(email=email.lower()).exists() or verified(email).exists()


def is_proved(user: User) -> bool:
    """Tell whether the user has proved to read the mail of the account's own address."""
    return bool(verified(user.email).filter(user=user).exists())


def belongs_to(user: User, email: str) -> bool:
    """Tell whether this is the address the user signs in with, or a further one that they have proved."""
    return user.email == email or bool(verified(email).filter(user=user).exists())


def may_reset(user: User, email: str) -> bool:
    """Tell whether the mail of this address may open the account."""
    return user.email == email.lower() or (is_proved(user) and belongs_to(user, email))


def verified(email: str) -> Any:
    """Return the row of whoever has proved this address, if anybody has."""
    return EmailAddress.objects.filter(email__iexact=email, verified=True)


def drop_claims(email: str) -> None:
    """Forget who has put an address beside their own unproved: it turns out to be somebody else's."""
    EmailAddress.objects.filter(email__iexact=email, verified=False).delete()


@transaction.atomic
def prove(user: User, email: str) -> None:
    """Note that the user reads the mail of an address. Nothing happens where another has proved it."""
    if verified(email).exclude(user=user).exists():
        return
    is_own = user.email == email.lower()
    if is_own:
        begin_anew(user)
    own = EmailAddress.objects.filter(user=user, email__iexact=email)
    if not own.update(verified=True, **({"primary": True} if is_own else {})):
        EmailAddress.objects.create(user=user, email=email.lower(), primary=is_own, verified=True)


@transaction.atomic
def reclaim(user: User) -> None:
    """Give the account to whoever reads its address's mail and has just set a password, if nobody had.

    A second step is then somebody else's. Sessions and tokens have ended with the old password.
    """
    if not is_proved(user):
        _remove_second_step(user)
        prove(user, user.email)
        audit.record(
            actor=user,
            verb="user.email_proved",
            object=user,
            changes={"email": (None, user.email)},
            organization_id=INSTALLATION,
        )


def _remove_second_step(user: User) -> None:
    for row in Authenticator.objects.filter(user=user):
        audit.record(
            actor=user,
            verb="user.second_step_removed",
            object=user,
            changes={"kind": (row.type, None)},
            organization_id=INSTALLATION,
        )
        row.delete()
    sessions.announce(user.pk)


def begin_anew(user: User) -> None:
    """Forget by what else the account could be entered before its own address was proved."""
    if not is_proved(user):
        EmailAddress.objects.filter(user=user).exclude(email__iexact=user.email).delete()
        SocialAccount.objects.filter(user=user).delete()
