"""Who may open `/ws`, stay on it and follow what."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from chatboost.core import live
from chatboost.core.errors import NotFound
from teams.models import Organization, User
from teams.selectors import memberships, second_steps
from teams.services import organization_choice, sessions


class Close(IntEnum):
    """Why a socket is closed. Source: RFC 6455 §7.4.1; from 4000 on, ours."""

    POLICY_VIOLATION = 1008
    TOO_BIG = 1009
    UNAUTHORISED = 4401
    FORBIDDEN = 4403


class Refused(Exception):
    """The socket must not be open. `code` is a word for machines."""

    def __init__(self, close: Close, code: str) -> None:
        super().__init__(code)
        self.close = close
        self.code = code


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is on a socket: the session that lets them in, and the organization it is about."""

    session_key: str
    user_id: int
    organization: Organization


def admit_token(token: str, *, slug: str) -> Visitor:
    """Let in the bearer of an access token; `slug` chooses among several organizations. Raises: Refused."""
    validated = sessions.validate(token)
    key = sessions.key_of(validated[1]) if validated else None
    if validated is None or key is None:
        raise Refused(Close.UNAUTHORISED, "invalid_token")
    user = validated[0]
    organization = _named(user, slug)
    if organization is None:
        code = "organization_required" if memberships.of_user(user) else "no_organization"
        raise Refused(Close.FORBIDDEN, code)
    _require_second_step(user, organization)
    return Visitor(key, user.pk, organization)


def admit_session(session: Any, *, slug: str) -> Visitor:
    """Let in the holder of a console session; without a slug its own choice stands. Raises: Refused."""
    user = sessions.user_of(session.session_key) if session.session_key else None
    if user is None:
        raise Refused(Close.UNAUTHORISED, "not_authenticated")
    chosen = session.get(organization_choice.SESSION_KEY)
    organization = _named(user, slug) if slug else organization_choice.for_session(user, chosen)
    if organization is None:
        raise Refused(Close.FORBIDDEN, "no_organization")
    _require_second_step(user, organization)
    return Visitor(session.session_key, user.pk, organization)


def confirm(visitor: Visitor) -> User:
    """Return the visitor's user as of now. Raises: Refused once the session or the membership has ended."""
    user = sessions.user_of(visitor.session_key)
    if user is None and memberships.is_member(visitor.user_id, visitor.organization):
        raise Refused(Close.UNAUTHORISED, "session_ended")
    # Whoever is removed from their only organization is signed out too, and told why.
    if user is None or memberships.role_in(user, visitor.organization) is None:
        raise Refused(Close.FORBIDDEN, "membership_ended")
    _require_second_step(user, visitor.organization)
    return user


def recheck(visitor: Visitor, topics: Collection[str]) -> list[str]:
    """Confirm the visitor; return those of the topics that their role opens no more. Raises: Refused."""
    user = confirm(visitor)
    return [
        topic for topic in topics if not live.is_open_to(topic, user=user, organization=visitor.organization)
    ]


def may_follow(visitor: Visitor, topic: str) -> bool:
    """Tell whether the visitor may follow a topic, as of now. Raises: Refused."""
    return live.may_follow(topic, user=confirm(visitor), organization=visitor.organization)


def _require_second_step(user: User, organization: Organization) -> None:
    if second_steps.is_owed(user, organization):
        raise Refused(Close.FORBIDDEN, "second_step_required")


def _named(user: User, slug: str) -> Organization | None:
    try:
        return organization_choice.for_header(user, slug)
    except NotFound as error:
        raise Refused(Close.FORBIDDEN, error.code) from error
