"""Organizations: opened with an owner, described, joined."""

import re
import secrets
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.text import slugify

from chatboost.core import audit
from chatboost.core.errors import Conflict, NotFound, ValidationFailed
from teams.models import Membership, Organization, User
from teams.roles import Role
from teams.selectors import memberships, second_steps
from teams.services import sessions

LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
SLUG_ATTEMPTS = 4


@transaction.atomic
def create(
    *,
    name: str,
    owner: User,
    slug: str = "",
    time_zone: str = "UTC",
    language: str = "en",
    uses_installation_chat: bool = False,
    actor: Any | None = None,
) -> Organization:
    """Open an organization and make the user its owner. Without a slug one is made from the name.

    Only whoever runs the installation says that it `uses_installation_chat`, and opens, without an actor,
    more than a person may own.

    Raises: ValidationFailed (`slug_taken`, `invalid_time_zone`, `invalid_language`), Conflict
        (`account_inactive`: the owner could not sign in; `limit_reached`).
    """
    _check_locale(time_zone, language)
    if not owner.is_active:
        raise Conflict(f"The account of {owner.email} is deactivated.", code="account_inactive")
    if actor is not None:
        _check_owned(owner)
    organization = Organization(
        name=name,
        slug=slug,
        time_zone=time_zone,
        language=language,
        uses_installation_chat=uses_installation_chat,
    )
    if slug:
        _save_with_slug(organization)
    else:
        _save_with_free_slug(organization)
    add_member(organization=organization, user=owner, role=Role.OWNER)
    audit.record(
        actor=actor,
        verb="organization.created",
        object=organization,
        changes={"owner": (None, owner)},
        organization_id=organization.pk,
    )
    return organization


@transaction.atomic
def update(
    *,
    organization: Organization,
    name: str | None = None,
    time_zone: str | None = None,
    language: str | None = None,
    second_step: str | None = None,
    actor: Any | None = None,
) -> Organization:
    """Change how an organization is called, how it reads times and texts, and how its people sign in.

    What is None stays as it is by now, and so does its slug.

    Raises: ValidationFailed (`invalid_time_zone`, `invalid_language`), Conflict (`second_step_missing`): the
        actor would lock themselves out.
    """
    row = lock(organization.pk)
    before = audit.state_of(row)
    wanted = {"name": name, "time_zone": time_zone, "language": language, "second_step": second_step}
    for field, value in wanted.items():
        if value is not None:
            setattr(row, field, value)
    _check_locale(row.time_zone, row.language)
    if isinstance(actor, User) and second_steps.would_owe(actor, row, row.second_step):
        message = "Set up your own two-step sign-in first."
        raise Conflict(message, code="second_step_missing", errors={"second_step": [message]})
    row.full_clean()
    row.save(update_fields=list(wanted))
    _note_changes(row, before, actor)
    return row


@transaction.atomic
def let_use_installation_chat(*, organization: Organization, is_let: bool, actor: Any) -> None:
    """Let an organization without a Telegram chat have the environment's, or no more."""
    row = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    if row.uses_installation_chat != is_let:
        Organization.objects.filter(pk=row.pk).update(uses_installation_chat=is_let)
        audit.record(
            actor=actor,
            verb="organization.changed",
            object=row,
            changes={"uses_installation_chat": (not is_let, is_let)},
            organization_id=row.pk,
        )


def lock(organization_id: int) -> Organization:
    """Return an organization as of now; nobody else changes it, or who belongs to it, until the end.

    The first lock of any change to it. Raises: NotFound once it is switched off.
    """
    # NO KEY: rows that only point at it can be written meanwhile.
    rows = Organization.objects.select_for_update(no_key=True)
    organization = rows.filter(pk=organization_id, is_active=True).first()
    if organization is None:
        raise NotFound("Not found.")
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


def _check_owned(owner: User) -> None:
    """Refuse one more than a person may own; those that are deleted count until they are purged."""
    # The person's row is the lock.
    User.objects.select_for_update(no_key=True).get(pk=owner.pk)
    owned = Membership.objects.across_organizations().filter(user=owner, role=Role.OWNER).count()
    if owned >= settings.ORGANIZATIONS_PER_OWNER:
        raise Conflict(
            f"A person may own {settings.ORGANIZATIONS_PER_OWNER:,} organizations, deleted ones included "
            f"until they are removed, and this one owns {owned:,}.",
            code="limit_reached",
        )


def _note_changes(organization: Organization, before: dict[str, Any], actor: Any | None) -> None:
    changes = audit.diff(before, audit.state_of(organization))
    if changes:
        audit.record(
            actor=actor,
            verb="organization.changed",
            object=organization,
            changes=changes,
            organization_id=organization.pk,
        )
    if "second_step" in changes:
        # Whoever may not stay is sent off at once.
        for user_id in memberships.of_organization(organization).values_list("user_id", flat=True):
            sessions.announce(user_id)


def _check_locale(time_zone: str, language: str) -> None:
    if time_zone not in time_zones():
        message = "Not a time zone of the IANA database, such as Europe/Berlin."
        raise ValidationFailed(message, code="invalid_time_zone", errors={"time_zone": [message]})
    if not LANGUAGE.fullmatch(language):
        message = "Not a language tag, such as en or pt-BR."
        raise ValidationFailed(message, code="invalid_language", errors={"language": [message]})


@cache
def time_zones() -> frozenset[str]:
    """Return the names of the time zones that mean the same on every machine."""
    return frozenset(available_timezones() - {"localtime", "Factory"})
