"""Work on connected accounts at Google: fetching tokens, and handing a consent back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from django.db import transaction

from chatboost.core import clock
from chatboost.core.work.kinds import Decision, Defer, Done, EffectKind, Item, Retry
from teams.google import registration
from teams.models import AccountKind, AccountState, ConnectedAccount
from teams.providers.google import GoogleProblem, GoogleUnavailable, Tokens
from teams.services import connections, google_access
from teams.services.google_access import Fetch

logger = structlog.get_logger(__name__)


class RefreshKind(EffectKind[Fetch, Tokens]):
    """Fetches an access token: one at a time for each account."""

    name = google_access.REFRESH_KIND

    def prepare(self, items: Sequence[Item]) -> Mapping[int, Fetch | Decision]:
        """Claim the tokens that have to be fetched."""
        return {item.id: google_access.claim(item.subject_id) or self._without(item) for item in items}

    def call(self, intent: Fetch) -> Tokens:
        """Ask Google."""
        return intent.call()

    def settle(self, results: Sequence[tuple[Item, Fetch, Tokens | Exception]]) -> Mapping[int, Decision]:
        """Store the tokens, or say why there are none."""
        decisions: dict[int, Decision] = {}
        for item, fetch, outcome in results:
            google_access.store(fetch, outcome)
            decisions[item.id] = _after(outcome)
        return decisions

    def _without(self, item: Item) -> Decision:
        """Come back when somebody else's claim ends; its worker may have died."""
        now = clock.now()
        rows = ConnectedAccount.objects.filter(pk=item.subject_id, refreshing_until__gt=now)
        until = rows.filter(state=AccountState.CONNECTED).values_list("refreshing_until", flat=True).first()
        return Defer(until) if until is not None else Done()


@dataclass(frozen=True, slots=True)
class Revocation:
    """A consent to hand back."""

    account_id: int
    token: str = field(repr=False)


class RevokeKind(EffectKind[Revocation, None]):
    """Hands the consent of a disconnected account back to Google, as well as it goes."""

    name = connections.REVOKE_KIND

    def prepare(self, items: Sequence[Item]) -> Mapping[int, Revocation | Decision]:
        """Look once more whether it is to be handed back: the account may be connected again."""
        found = _disconnected([item.subject_id for item in items])
        return {item.id: self._next(found.get(item.subject_id)) for item in items}

    def call(self, intent: Revocation) -> None:
        """Tell Google."""
        registration.oauth().revoke(intent.token)

    def settle(self, results: Sequence[tuple[Item, Revocation, Exception | None]]) -> Mapping[int, Decision]:
        """Forget what was handed back, and what Google does not want back."""
        found = _disconnected([intent.account_id for _, intent, _ in results])
        decisions: dict[int, Decision] = {}
        for item, intent, outcome in results:
            account = found.get(intent.account_id)
            if account is None or account.refresh_token != intent.token:
                continue
            decisions[item.id] = decision = _after(outcome)
            if isinstance(decision, Done):
                _forget(account)
        return decisions

    def on_dead(self, subject_ids: Sequence[int]) -> None:
        """Forget the token: nobody uses it, and its owner can end the consent at Google."""
        for account in _disconnected(subject_ids).values():
            _forget(account)

    def _next(self, account: ConnectedAccount | None) -> Revocation | Decision:
        if account is None:
            return Done()
        if connections.is_consent_shared(account):
            _forget(account)
            return Done()
        return Revocation(account.pk, account.refresh_token)


def _after(outcome: object) -> Decision:
    if isinstance(outcome, GoogleUnavailable):
        return Retry(outcome.message, outcome.after, is_passing=True)
    if isinstance(outcome, GoogleProblem):
        logger.warning("google_refused", code=outcome.code)
        return Done()
    return Retry(type(outcome).__name__) if isinstance(outcome, Exception) else Done()


def _disconnected(account_ids: Sequence[int]) -> dict[int, ConnectedAccount]:
    """Return the accounts that still hold what is to be handed back, locked."""
    rows = ConnectedAccount.objects.select_for_update(of=("self",)).filter(
        pk__in=account_ids, state=AccountState.REVOKED, kind=AccountKind.OAUTH
    )
    return {row.pk: row for row in rows.exclude(refresh_token="").order_by("id")}


@transaction.atomic
def _forget(account: ConnectedAccount) -> None:
    account.refresh_token = ""
    account.save(update_fields=["refresh_token"])
