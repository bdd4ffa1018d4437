"""What people change about getting into their own account, in the installation's audit log.

allauth writes these rows, and says so by signals. Some things start from here: a password that was reset by
mail proves the address, a new second step ends the sessions that were begun without it, and one that is gone
has open sockets ask whether they may stay.
"""

from typing import Any

from allauth.account import signals as account_signals
from allauth.mfa import signals as mfa_signals
from allauth.mfa.models import Authenticator
from allauth.socialaccount import signals as social_signals
from django.dispatch import Signal
from django.http import HttpRequest

from chatboost.core import audit
from teams.models import User
from teams.services import addresses, sessions

INSTALLATION = 0


def watch() -> None:
    """Begin to listen; once a process."""
    for signal, verb in (
        (mfa_signals.authenticator_added, "user.second_step_added"),
        (mfa_signals.authenticator_removed, "user.second_step_removed"),
        (mfa_signals.authenticator_reset, "user.second_step_renewed"),
    ):
        _listen(signal, verb, lambda news: (news["user"], {"kind": (None, news["authenticator"].type)}))
    mfa_signals.authenticator_removed.connect(_ask_again, weak=False, dispatch_uid="teams.ask_again")
    mfa_signals.authenticator_added.connect(_end_others, weak=False, dispatch_uid="teams.end_others")
    account_signals.password_reset.connect(_reclaim, weak=False, dispatch_uid="teams.reclaim")
    _listen(
        social_signals.social_account_added,
        "user.google_connected",
        lambda news: (news["sociallogin"].user, {}),
    )
    _listen(
        social_signals.social_account_removed,
        "user.google_disconnected",
        lambda news: (news["socialaccount"].user, {}),
    )
    _listen(
        account_signals.email_added,
        "user.email_added",
        lambda news: (news["user"], {"email": (None, _text(news["email_address"]))}),
    )
    _listen(
        account_signals.email_removed,
        "user.email_removed",
        lambda news: (news["user"], {"email": (_text(news["email_address"]), None)}),
    )
    _listen(
        account_signals.email_changed,
        "user.email_changed",
        lambda news: (
            news["user"],
            {"email": (_text(news["from_email_address"]), _text(news["to_email_address"]))},
        ),
    )
    _listen(
        account_signals.email_confirmed,
        "user.email_proved",
        lambda news: (news["email_address"].user, {"email": (None, _text(news["email_address"]))}),
    )


def _reclaim(sender: Any, user: User, **news: Any) -> None:
    addresses.reclaim(user)


def _end_others(
    sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **news: Any
) -> None:
    if authenticator.type == Authenticator.Type.TOTP:
        # Whoever has come in by the password alone, somewhere else, must show a code too.
        sessions.end_all(user, actor=user, besides=request.session.session_key)


def _ask_again(sender: Any, user: User, **news: Any) -> None:
    sessions.announce(user.pk)


def _listen(signal: Signal, verb: str, read: Any) -> None:
    def note(sender: Any, **news: Any) -> None:
        user, changes = read(news)
        audit.record(actor=user, verb=verb, object=user, changes=changes, organization_id=INSTALLATION)

    signal.connect(note, weak=False, dispatch_uid=f"teams.{verb}")


def _text(address: Any) -> str | None:
    return address.email if address else None
