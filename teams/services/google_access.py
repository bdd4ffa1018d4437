"""Access tokens of connected accounts: lent out, fetched anew, and taken back when Google refuses them.

Whoever calls Google asks in a transaction (`lend`), calls with what it got, and says in the next transaction
what it learned (`note_…`). A token is fetched as work of its own, outside of any transaction, by one at a
time: who fetches it has claimed it, for a little longer than the call can last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from chatboost.core import clock
from chatboost.core.errors import Conflict
from chatboost.core.work import queue
from teams.google import registration
from teams.models import AccountKind, AccountState, ConnectedAccount
from teams.providers import google_keys
from teams.providers.google import GoogleProblem, GoogleUnavailable, GrantRevoked, ServiceKey, Tokens
from teams.services import connections

REFRESH_KIND = "teams.refresh_google"
# A token must outlive the call that it is lent for; a little before that a new one is fetched ahead.
LEAST_LIFE, FETCH_AHEAD = timedelta(minutes=1), timedelta(minutes=5)
# How soon to ask again while a token is being fetched.
SOON = timedelta(seconds=1)
# Longer than the call itself can last.
CLAIM_SLACK = timedelta(seconds=10)
# A token that was just fetched is refused so often in a row before the account counts as failed.
MAX_REFUSALS = 5


@dataclass(frozen=True, slots=True)
class Access:
    """What a call needs of an account, and nothing of the database."""

    account_id: int
    organization_id: int
    purpose: str
    kind: str
    email: str
    token: str = field(repr=False)
    expires_at: datetime
    shared_drive_id: str = ""
    folder_id: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now: ask again at `until`."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """Not until somebody connects the account again; the reason is for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """A token to fetch: claimed, committed, and ready to go out."""

    account_id: int
    claimed_until: datetime
    scopes: Sequence[str]
    refresh_token: str = field(default="", repr=False)
    key: ServiceKey | None = field(default=None, repr=False)

    def call(self) -> Tokens:
        """Ask Google, once, outside of any transaction. Raises: GoogleProblem."""
        oauth = registration.oauth()
        if self.key is not None:
            return oauth.sign_in(self.key, self.scopes)
        return oauth.refresh(self.refresh_token)


def lend(account: ConnectedAccount) -> Access | Wait | Unusable:
    """Return what a call needs, in the caller's transaction; where there is no token, it is ordered.

    The row is as the caller has read it, with its tokens. Nothing goes out from here.
    """
    now = clock.now()
    if account.state != AccountState.CONNECTED:
        return Unusable(account.error or "The account is not connected.")
    if account.paused_until is not None and account.paused_until > now:
        return Wait(account.paused_until, "Google asked us to wait.")
    expires_at = account.access_token_expires_at
    if not account.access_token or expires_at is None or expires_at <= now + LEAST_LIFE:
        queue.enqueue(_order(account))
        return Wait(now + SOON, "An access token is being fetched.")
    if expires_at <= now + FETCH_AHEAD:
        queue.enqueue(_order(account))
    return Access(
        account_id=account.pk,
        organization_id=account.organization_id,
        purpose=account.purpose,
        kind=account.kind,
        email=account.email,
        token=account.access_token,
        expires_at=expires_at,
        shared_drive_id=account.shared_drive_id,
        folder_id=account.folder_id,
    )


def note_refused_token(access: Access) -> None:
    """Forget a token that Google has refused, so that another is fetched. In the caller's transaction.

    A token that is not the account's any more says nothing. Several new ones refused in a row say that the
    account can't be used.
    """
    account = _lock(access.account_id)
    if account is None or account.access_token != access.token:
        return
    account.refusal_count += 1
    if account.refusal_count >= MAX_REFUSALS:
        connections.give_up(account, AccountState.FAILED, "Google refuses the tokens that it gives us.")
        return
    account.access_token, account.access_token_expires_at = "", None
    account.save(update_fields=["access_token", "access_token_expires_at", "refusal_count"])


def note_success(account_id: int) -> None:
    """Note that Google takes the account: what failed in a row before is forgotten. One statement."""
    failing = Q(failure_count__gt=0) | Q(refusal_count__gt=0)
    ConnectedAccount.objects.across_organizations().filter(failing, pk=account_id).update(
        failure_count=0, refusal_count=0
    )


def claim(account_id: int, *, is_check: bool = False) -> Fetch | None:
    """Return the fetch of a token, claimed in the caller's transaction; None where there is nothing to do.

    That is: the account can't be used, somebody else is fetching it, or it is new enough. A check asks
    whatever the token, and an account that has failed, too.
    """
    account = _lock(account_id)
    now = clock.now()
    usable = {AccountState.CONNECTED, AccountState.FAILED} if is_check else {AccountState.CONNECTED}
    if account is None or account.state not in usable:
        return None
    if account.refreshing_until is not None and account.refreshing_until > now:
        return None
    expires_at = account.access_token_expires_at
    is_new = bool(account.access_token) and expires_at is not None and expires_at > now + FETCH_AHEAD
    if is_new and not is_check:
        return None
    account.refreshing_until = now + settings.VENDOR_DEADLINE + CLAIM_SLACK
    account.save(update_fields=["refreshing_until"])
    return _fetch(account)


def store(fetch: Fetch, outcome: Tokens | Exception) -> None:
    """Record how a fetch ended, in the caller's transaction. Who has lost the claim records nothing."""
    account = _lock(fetch.account_id)
    if account is None or account.refreshing_until != fetch.claimed_until:
        return
    if isinstance(outcome, Tokens):
        connections.restore(account)
        connections.take_tokens(account, outcome, clock.now())
        account.save()
        return
    account.refreshing_until = None
    account.save(update_fields=["refreshing_until"])
    if isinstance(outcome, GrantRevoked):
        is_person = account.kind == AccountKind.OAUTH
        state = AccountState.REVOKED if is_person else AccountState.FAILED
        words = "The consent was taken back at Google, or has run out." if is_person else outcome.message
        if is_person:
            account.refresh_token = ""
        connections.give_up(account, state, words)
    elif isinstance(outcome, GoogleProblem) and not isinstance(outcome, GoogleUnavailable):
        connections.give_up(account, AccountState.FAILED, outcome.message)


def check(account: ConnectedAccount) -> None:
    """Ask Google at once whether it still lets us in, outside of any transaction.

    Raises: GoogleProblem with what it says, Conflict (`not_connected, being_refreshed`).
    """
    if account.state == AccountState.REVOKED:
        raise Conflict("The account is disconnected. Connect it again.", code="not_connected")
    with transaction.atomic():
        fetch = claim(account.pk, is_check=True)
    if fetch is None:
        raise Conflict("Google is being asked at this moment. Try again.", code="being_refreshed")
    outcome: Tokens | Exception
    try:
        outcome = fetch.call()
    except GoogleProblem as problem:
        outcome = problem
    with transaction.atomic():
        store(fetch, outcome)
    if isinstance(outcome, GoogleProblem):
        raise outcome


def _fetch(account: ConnectedAccount) -> Fetch:
    assert account.refreshing_until is not None
    key = None
    if account.kind == AccountKind.SERVICE_ACCOUNT:
        key = google_keys.parse(account.service_account_key, token_url=settings.GOOGLE_TOKEN_URL)
    return Fetch(
        account_id=account.pk,
        claimed_until=account.refreshing_until,
        scopes=[registration.SCOPES[account.purpose]],
        refresh_token=account.refresh_token,
        key=key,
    )


def _order(account: ConnectedAccount) -> queue.Order:
    return queue.Order(
        kind=REFRESH_KIND,
        subject_id=account.pk,
        organization_id=account.organization_id,
        queue="maintenance",
        # Everybody who uses the account waits for it.
        priority=10,
        lane=f"google_account:{account.pk}",
        dedupe_key=f"{REFRESH_KIND}:{account.pk}",
    )


def _lock(account_id: int) -> ConnectedAccount | None:
    """Return the row, locked. Its number comes from work, or from a row of the caller's organization."""
    rows = ConnectedAccount.objects.across_organizations().select_for_update(of=("self",))
    return rows.filter(pk=account_id).select_related("organization").first()
