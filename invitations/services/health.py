"""How those are whom calls go to: a source's server, an account. Whether calls may go, and what answers say.

Who asks to be left alone is: its row says until when, and nothing is called before. After `FAILURES` failures
in a row nothing goes out but one call every `PROBE_EVERY`, until one does well. Who refuses our credentials
is not called until they change; operators are told once.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

from django.conf import settings
from django.db.models import F, Q

from chatboost.core import clock
from invitations.models import InvitationSource
from invitations.providers.base import AuthFailed, Gone, Invalid, ProviderError, RateLimited, Token
from teams.models import ConnectedAccount, NotificationType, Severity
from teams.notifications import notify
from teams.services import google_access
from teams.services.google_access import Access, Unusable, Wait

FAILURES: Final = 20
PROBE_EVERY: Final = timedelta(seconds=30)
# Pauses that we choose ourselves double with each failure, this often.
_DOUBLINGS: Final = 5


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom calls go to. `mark` tells its credentials of now from others."""

    model: type[Any]
    pk: int
    mark: str

    @property
    def name(self) -> str:
        """How `pauses` calls it: what others were told says nothing once the credentials have changed."""
        return f"{self.model._meta.model_name}:{self.pk}:{self.mark}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many calls may go now; the others come back at `until`. `is_refused`: nobody knows when.

    `access` is what an account lends to those that go.
    """

    allowed: int | None = None
    until: datetime | None = None
    is_refused: bool = False
    access: Access | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a call says about whom it went to: it did well (None), or this error; a token that it got.

    `is_call` False: it did not come to a call. `access` is what an account had lent to it.
    """

    peer: Peer
    error: ProviderError | None = None
    renewed: Token | None = None
    is_call: bool = True
    access: Access | None = None


def of_source(source: InvitationSource) -> Peer:
    """Return a source's server."""
    secrets = (source.auth, source.username, source.password, source.client_id, source.client_secret)
    return Peer(InvitationSource, source.pk, _mark(source.base_url, *secrets))


def of_account(account: ConnectedAccount) -> Peer:
    """Return a connected account."""
    return Peer(ConnectedAccount, account.pk, _mark(account.connected_at))


def waits_for_people(peer: Peer) -> bool:
    """Tell whether credentials that are refused stay so until a person changes them.

    An account's token is fetched anew; whether the account itself is refused is known then.
    """
    return peer.model is InvitationSource


def look(peers: Iterable[Peer]) -> dict[Peer, Verdict]:
    """Say whether calls may go, in the transaction that prepares them."""
    return {peer: _verdict(peer) for peer in _in_order(set(peers))}


def learn(reports: Sequence[Report]) -> list[Callable[[], object]]:
    """Write down what calls say, sources and accounts before anything else that is locked.

    Returns what is left to do at the end of the transaction: telling people.
    """
    by_peer: dict[Peer, list[Report]] = defaultdict(list)
    for report in reports:
        by_peer[report.peer].append(report)
    left: list[Callable[[], object]] = []
    for peer in _in_order(by_peer):
        left += _learn(peer, by_peer[peer])
    return left


def pause_of(error: RateLimited, failure_count: int = 0) -> timedelta:
    """Return how long whoever says "too many" is left alone: as long as it says, or ever longer."""
    if error.retry_after is not None:
        return error.retry_after
    own: timedelta = settings.WORK_BACKOFF_BASE * 2 ** min(failure_count, _DOUBLINGS)
    return own


def _verdict(peer: Peer) -> Verdict:
    row = peer.model._default_manager.filter(pk=peer.pk).first()
    if row is None or row.error:
        return Verdict(allowed=0, is_refused=True)
    now = clock.now()
    if row.paused_until is not None and row.paused_until > now:
        return Verdict(allowed=0, until=row.paused_until)
    found = _lent(row) if isinstance(row, ConnectedAccount) else Verdict()
    if found.allowed == 0 or row.failure_count < FAILURES:
        return found
    # Of all who come by now, one goes ahead and finds out.
    is_due = Q(paused_until=None) | Q(paused_until__lte=now)
    mine = peer.model._default_manager.filter(is_due, pk=peer.pk, failure_count__gte=FAILURES)
    is_mine = mine.update(paused_until=now + PROBE_EVERY)
    return Verdict(allowed=1 if is_mine else 0, until=now + PROBE_EVERY, access=found.access)


def _lent(account: ConnectedAccount) -> Verdict:
    match google_access.lend(account):
        case Access() as access:
            return Verdict(access=access)
        case Wait(until=until):
            return Verdict(allowed=0, until=until)
        case Unusable():
            return Verdict(allowed=0, is_refused=True)


def _learn(peer: Peer, reports: Sequence[Report]) -> list[Callable[[], object]]:
    mine = peer.model._default_manager.filter(pk=peer.pk)
    errors = [report.error for report in reports if report.is_call]
    limits = [error for error in errors if isinstance(error, RateLimited)]
    failures = sum(_is_failure(error) for error in errors)
    if any(error is None or isinstance(error, Gone | Invalid) for error in errors):
        mine.filter(failure_count__gte=FAILURES).update(failure_count=0, paused_until=None)
        _note_well(peer, mine)
    elif failures:
        mine.update(failure_count=F("failure_count") + failures)
        _pause(mine.filter(failure_count__gte=FAILURES), PROBE_EVERY)
    if limits:
        count = mine.values_list("failure_count", flat=True).first() or 0
        _pause(mine, max(pause_of(error, count) for error in limits))
    if peer.model is InvitationSource:
        return _learn_credentials(peer, reports)
    for access in {each.access for each in reports if isinstance(each.error, AuthFailed) and each.access}:
        google_access.note_refused_token(access)
    return []


def _is_failure(error: ProviderError | None) -> bool:
    """Tell whether an error counts towards the breaker. Who says when to come back is well."""
    if error is None or isinstance(error, Gone | Invalid | AuthFailed):
        return False
    return not (isinstance(error, RateLimited) and error.retry_after is not None)


def _note_well(peer: Peer, mine: Any) -> None:
    if peer.model is InvitationSource:
        mine.filter(failure_count__gt=0).update(failure_count=0)
    else:
        google_access.note_success(peer.pk)


def _pause(rows: Any, length: timedelta) -> None:
    until = clock.now() + length
    rows.filter(Q(paused_until=None) | Q(paused_until__lt=until)).update(paused_until=until)


def _learn_credentials(peer: Peer, reports: Sequence[Report]) -> list[Callable[[], object]]:
    refusal = next((each.error for each in reports if isinstance(each.error, AuthFailed)), None)
    renewed = [report.renewed for report in reports if report.renewed is not None]
    if refusal is None and not renewed:
        return []
    source = InvitationSource.objects.select_for_update(no_key=True).filter(pk=peer.pk).first()
    # What others have been refused with says nothing about those of now.
    if source is None or of_source(source) != peer:
        return []
    if renewed:
        token = max(renewed, key=lambda each: each.expires_at)
        source.access_token, source.token_expires_at = token.value, token.expires_at
        source.save(update_fields=["access_token", "token_expires_at"])
    if refusal is None or source.error:
        return []
    source.error = refusal.message[:300]
    source.save(update_fields=["error"])
    return [lambda: _tell(source)]


def _tell(source: InvitationSource) -> None:
    notify(
        organization=source.organization,
        type=NotificationType.INCIDENT,
        severity=Severity.ERROR,
        title=f"{source.name} refuses our credentials",
        body=f"{source.error} Its invitations wait until the credentials change.",
        url=f"/admin/invitations/invitationsource/{source.pk}/change/",
        permission="invitations.change_invitationsource",
        object=source,
        dedupe_key=f"invitation_source:{source.pk}:{clock.now():%Y%m%d%H%M%S%f}",
    )


def _in_order(peers: Iterable[Peer]) -> list[Peer]:
    return sorted(peers, key=lambda peer: peer.name)


def _mark(*parts: object) -> str:
    return blake2b(repr(parts).encode(), digest_size=16).hexdigest()
