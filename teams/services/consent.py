"""The trip to Google and back: a person lets an organization use their account.

It is begun and ended in one browser session, by one user, for one organization, with a state that works once
and a verifier that never leaves us but to Google. Source: RFC 9700 sections 2.1, 4.5, 4.7.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from django.db import transaction

from chatboost.core import clock
from chatboost.core.errors import Conflict, DomainError, Forbidden, ValidationFailed
from teams.google import registration
from teams.models import ConnectedAccount, OAuthState, Organization, Purpose, User
from teams.providers.google import GoogleProblem, GoogleUnavailable, Grant
from teams.services import connections

logger = structlog.get_logger(__name__)

LIFETIME = timedelta(minutes=10)
MAX_STATE, MAX_CODE = 200, 4096


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is at the browser. `session_key` is the console's, never empty."""

    user: User
    organization: Organization | None
    session_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Return:
    """What Google sent along with the browser."""

    state: str = field(repr=False)
    code: str = field(repr=False)
    error: str


def begin(visitor: Visitor, *, purpose: str, login_hint: str = "") -> str:
    """Remember that a trip begins, and return where the browser goes.

    Raises: ValidationFailed (`unknown_purpose`), Conflict (`google_not_set_up`), Forbidden.
    """
    if purpose not in Purpose.values:
        message = f"One of: {', '.join(Purpose.values)}."
        raise ValidationFailed(message, code="unknown_purpose", errors={"purpose": [message]})
    organization = _organization(visitor)
    if not registration.is_offered():
        raise Conflict(
            "This installation is not registered at Google. Whoever runs it sets GOOGLE_CLIENT_ID, "
            "GOOGLE_CLIENT_SECRET and PUBLIC_BASE_URL.",
            code="google_not_set_up",
        )
    state = secrets.token_urlsafe(32)
    consent = registration.oauth().consent(
        scopes=[*registration.IDENTITY, registration.SCOPES[purpose]],
        redirect_uri=registration.redirect_uri(),
        state=state,
        login_hint=login_hint,
    )
    now = clock.now()
    OAuthState.objects.create(
        organization=organization,
        user=visitor.user,
        purpose=purpose,
        state_hash=_digest(state),
        session_hash=_digest(visitor.session_key),
        verifier=consent.verifier,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    return consent.url


def finish(visitor: Visitor | None, came: Return) -> ConnectedAccount:
    """Use the state up, take the code to Google, outside of any transaction, and connect the account.

    Raises: DomainError with the reason: `state_missing, state_unknown, state_foreign, state_expired,
        state_used, access_denied, code_missing, scope_refused`, and what Google says.
    """
    trip, verifier = _use(visitor, came)
    if came.error:
        raise _refused_at_google(came.error)
    if not 0 < len(came.code) <= MAX_CODE or not verifier:
        raise ValidationFailed("Google sent no code along. Connect again.", code="code_missing")
    try:
        grant = registration.oauth().exchange(
            code=came.code, verifier=verifier, redirect_uri=registration.redirect_uri()
        )
    except GoogleUnavailable:
        raise
    except GoogleProblem as problem:
        raise ValidationFailed(f"{problem.message} Connect again.", code="code_refused") from None
    _check(grant, trip.purpose)
    return connections.connect(
        organization=trip.organization, purpose=trip.purpose, grant=grant, actor=trip.user
    )


def _use(visitor: Visitor | None, came: Return) -> tuple[OAuthState, str]:
    """Return the trip that the state belongs to, and its verifier; from now on the state is used."""
    if not 0 < len(came.state) <= MAX_STATE:
        raise ValidationFailed("The state is missing. Connect again, from the console.", code="state_missing")
    digest, now = _digest(came.state), clock.now()
    # It is found before its organization is known; then it has to be the visitor's own.
    known = OAuthState.objects.across_organizations().filter(state_hash=digest)
    trip = known.select_related("organization", "user").first()
    if trip is None:
        raise ValidationFailed("Nobody here sent you to Google with this state.", code="state_unknown")
    if visitor is None or not _is_of(trip, visitor):
        raise Forbidden(
            "This was begun in another browser, by somebody else, or for another organization than the "
            "console is about now. Connect again.",
            code="state_foreign",
        )
    verifier = trip.verifier
    own = OAuthState.objects.for_organization(trip.organization_id).filter(pk=trip.pk)
    # Durable: nobody holds a transaction open around what follows, which waits for Google.
    with transaction.atomic(durable=True):
        is_first = own.filter(used_at=None, expires_at__gt=now).update(used_at=now, verifier="")
    if not is_first:
        is_used = own.filter(used_at__isnull=False).exists()
        code = "state_used" if is_used else "state_expired"
        words = "It has been used already." if is_used else "It took longer than ten minutes."
        raise ValidationFailed(f"{words} Connect again.", code=code)
    _organization(visitor)
    return trip, verifier


def _is_of(trip: OAuthState, visitor: Visitor) -> bool:
    is_same_session = secrets.compare_digest(trip.session_hash, _digest(visitor.session_key))
    organization_id = visitor.organization.pk if visitor.organization else None
    return is_same_session and trip.user_id == visitor.user.pk and trip.organization_id == organization_id


def _organization(visitor: Visitor) -> Organization:
    """Return the visitor's organization. Raises: Forbidden when their role does not connect accounts."""
    organization = visitor.organization
    if organization is None or not visitor.user.has_perm(connections.MANAGE, organization):
        raise Forbidden("Your role does not connect accounts.")
    return organization


def _refused_at_google(error: str) -> DomainError:
    if error == "access_denied":
        return ValidationFailed(
            "Google was told not to let us in. Nothing is connected.", code="access_denied"
        )
    word = "".join(each for each in error[:60] if each.isascii() and (each.isalnum() or each in "_-"))
    return ValidationFailed(f"Google did not ask for consent: {word}.", code="google_refused")


def _check(grant: Grant, purpose: str) -> None:
    """Refuse a consent that is of no use, and hand it back. Raises: ValidationFailed."""
    if not grant.tokens.refresh_token:
        _hand_back(grant, grant.tokens.access_token)
        raise ValidationFailed(
            "Google lets us in for an hour only. Remove ChatBoost under “Third-party apps” in the Google "
            "account, then connect again.",
            code="no_refresh_token",
        )
    if registration.SCOPES[purpose] not in grant.scopes:
        _hand_back(grant, grant.tokens.refresh_token)
        raise ValidationFailed(
            f"The tick at {Purpose(purpose).label} was left out at Google. Connect again, with it.",
            code="scope_refused",
        )


def _hand_back(grant: Grant, token: str) -> None:
    """Give up what we were given and can't use, as well as it goes.

    Google knows one consent a person: what another connection lives on stays.
    """
    if connections.is_consent_used(grant.subject):
        return
    try:
        registration.oauth().revoke(token)
    except GoogleProblem as problem:
        logger.warning("google_grant_not_handed_back", code=problem.code)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
