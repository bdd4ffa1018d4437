"""Organizations: opened with an owner, described, joined."""

import re
import secrets
from functools import cache
from zoneinfo import available_timezones

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from chatboost.core.errors import ValidationFailed
from teams.models import Membership, Organization, User
from teams.roles import Role

LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
SLUG_ATTEMPTS = 4


@transaction.atomic
def create(
    *, name: str, owner: User, slug: str = "", time_zone: str = "UTC", language: str = "en"
) -> Organization:
    """Open an organization and make the user its owner. Without a slug one is made from the name.

    Raises: ValidationFailed (`slug_taken`, `invalid_time_zone`, `invalid_language`).
    """
    _check_locale(time_zone, language)
    organization = Organization(name=name, slug=slug, time_zone=time_zone, language=language)
    if slug:
        _save_with_slug(organization)
    else:
        _save_with_free_slug(organization)
    add_member(organization=organization, user=owner, role=Role.OWNER)
    return organization


@transaction.atomic
def update(*, organization: Organization, name: str, time_zone: str, language: str) -> Organization:
    """Change how an organization is called and how it reads times and texts. Its slug stays.

    Raises: ValidationFailed (`invalid_time_zone`, `invalid_language`).
    """
    _check_locale(time_zone, language)
    organization.name = name
    organization.time_zone = time_zone
    organization.language = language
    organization.full_clean()
    organization.save(update_fields=["name", "time_zone", "language"])
    return organization


def add_member(*, organization: Organization, user: User, role: str) -> Membership:
    """Give a user a role in an organization."""
    membership = Membership(organization=organization, user=user, role=role)
    membership.full_clean()
    membership.save()
    user.__dict__.pop("_memberships", None)
    return membership


def _save_with_slug(organization: Organization) -> None:
    if Organization.objects.filter(slug=organization.slug).exists():
        raise _slug_taken()
    organization.full_clean()
    try:
        with transaction.atomic():
            organization.save()
    except IntegrityError as error:
        raise _slug_taken() from error


def _save_with_free_slug(organization: Organization) -> None:
    base = slugify(organization.name)[:50] or "organization"
    organization.slug = base
    for _ in range(SLUG_ATTEMPTS):
        try:
            return _save_with_slug(organization)
        except ValidationFailed:
            organization.slug = f"{base}-{secrets.token_hex(3)}"
    raise _slug_taken()


def _slug_taken() -> ValidationFailed:
    message = "Another organization has this slug."
    return ValidationFailed(message, code="slug_taken", errors={"slug": [message]})


def _check_locale(time_zone: str, language: str) -> None:
    if time_zone not in _time_zones():
        message = "Not a time zone of the IANA database, such as Europe/Berlin."
        raise ValidationFailed(message, code="invalid_time_zone", errors={"time_zone": [message]})
    if not LANGUAGE.fullmatch(language):
        message = "Not a language tag, such as en or pt-BR."
        raise ValidationFailed(message, code="invalid_language", errors={"language": [message]})


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())
