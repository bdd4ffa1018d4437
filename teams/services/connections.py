"""Accounts at Google that an organization has connected: added, checked for, ended."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from chatboost.core import audit, clock
from chatboost.core.errors import ValidationFailed
from chatboost.core.work import queue
from teams import limits
from teams.google import registration
from teams.models import (
    AccountKind,
    AccountState,
    ConnectedAccount,
    NotificationType,
    Organization,
    Purpose,
    Severity,
    User,
)
from teams.names import one_line
from teams.notifications.writing import notify
from teams.providers import google_keys
from teams.providers.google import Grant, Tokens

MANAGE = "teams.manage_connections"
REVOKE_KIND = "teams.revoke_google"
MAX_ID = 128
PAGE = "/admin/teams/connectedaccount/"
_SECRETS = ("refresh_token", "access_token", "service_account_key")


@transaction.atomic
def connect(*, organization: Organization, purpose: str, grant: Grant, actor: User) -> ConnectedAccount:
    """Store what a person has consented to: a new account, or one that is connected again.

    Raises: Conflict (`limit_reached`).
    """
    account = _locked(organization, purpose, grant.subject)
    now = clock.now()
    account.kind, account.email = AccountKind.OAUTH, grant.email
    account.scopes = sorted(grant.scopes)
    account.refresh_token, account.service_account_key = grant.tokens.refresh_token, ""
    _open(account, now, actor)
    take_tokens(account, grant.tokens, now)
    return _saved(account, actor)


@transaction.atomic
def add_service_account(
    *,
    organization: Organization,
    purpose: str = Purpose.DRIVE,
    service_account_key: str,
    shared_drive_id: str,
    folder_id: str = "",
    actor: Any,
) -> ConnectedAccount:
    """Store a service account with its key. Its first token is fetched when one is needed.

    Raises: ValidationFailed (`invalid_service_account_key, shared_drive_required, invalid_drive_id,
        unknown_purpose`), Conflict (`limit_reached`).
    """
    if purpose != Purpose.DRIVE:
        raise _invalid("purpose", "A service account is for Google Drive.", "unknown_purpose")
    key = google_keys.parse(service_account_key, token_url=settings.GOOGLE_TOKEN_URL)
    if not shared_drive_id.strip():
        raise _invalid(
            "shared_drive_id",
            "A service account has no storage of its own: Google refuses its files, unless they go to a "
            "Shared Drive. Make it a content manager of one, and enter that drive’s id.",
            "shared_drive_required",
        )
    account = _locked(organization, purpose, key.subject)
    account.kind, account.email = AccountKind.SERVICE_ACCOUNT, key.email
    account.scopes = [registration.SCOPES[purpose]]
    account.refresh_token, account.service_account_key = "", service_account_key
    account.access_token, account.access_token_expires_at = "", None
    account.shared_drive_id = _drive_id(shared_drive_id, "shared_drive_id")
    account.folder_id = _drive_id(folder_id, "folder_id")
    _open(account, clock.now(), actor)
    return _saved(account, actor)


@transaction.atomic
def disconnect(account: ConnectedAccount, *, actor: Any) -> None:
    """End the use of an account at once, and its consent at Google soon. Doing it twice changes nothing.

    What shares the consent keeps it: Google knows one for each person and installation, not for each purpose.
    """
    own = ConnectedAccount.objects.for_organization(account.organization_id).select_for_update()
    row = own.get(pk=account.pk)
    if row.state == AccountState.REVOKED:
        return
    changes = {"state": (row.state, AccountState.REVOKED)}
    end(row, AccountState.REVOKED, f"Disconnected by {one_line(str(actor))}.")
    row.service_account_key = ""
    if row.refresh_token and not is_consent_shared(row):
        queue.enqueue(_revocation(row))
    else:
        row.refresh_token = ""
    row.save()
    audit.record(actor=actor, verb="connected_account.disconnected", object=row, changes=changes)


def end(account: ConnectedAccount, state: AccountState, reason: str) -> None:
    """Note on a locked row, not saved yet, that the account can't be used."""
    account.state, account.error, account.ended_at = state, reason[:300], clock.now()
    account.access_token, account.access_token_expires_at = "", None
    account.paused_until, account.refreshing_until = None, None
    account.failure_count, account.refusal_count = 0, 0


def give_up(account: ConnectedAccount, state: AccountState, reason: str) -> None:
    """End the use of a locked account that Google refuses, and tell operators; once. Saves the row."""
    if account.state != AccountState.CONNECTED:
        return
    changes = {"state": (account.state, state), "error": (account.error, reason)}
    end(account, state, reason)
    account.save()
    audit.record(actor=None, verb="connected_account.failed", object=account, changes=changes)
    notify(
        organization=account.organization,
        permission=MANAGE,
        type=NotificationType.INCIDENT,
        severity=Severity.ERROR,
        title=f"{Purpose(account.purpose).label}: {account} has to be connected again",
        body=f"{reason} What needs the account waits until it is connected again.",
        url=f"{PAGE}{account.pk}/change/",
        object=account,
        dedupe_key=f"connection:{account.pk}:{account.connected_at:%Y%m%d%H%M%S%f}",
    )


def restore(account: ConnectedAccount) -> None:
    """Note on a locked row, not saved yet, that Google takes it again."""
    if account.state == AccountState.FAILED:
        account.state, account.error, account.ended_at = AccountState.CONNECTED, "", None
        account.connected_at = clock.now()
        audit.record(actor=None, verb="connected_account.restored", object=account)


def take_tokens(account: ConnectedAccount, tokens: Tokens, now: datetime) -> None:
    """Note new tokens on a locked row, not saved yet; without a new refresh token the old one stays."""
    account.access_token, account.access_token_expires_at = tokens.access_token, now + tokens.lifetime
    account.refresh_token = tokens.refresh_token or account.refresh_token
    account.refreshed_at, account.refreshing_until = now, None


def is_consent_shared(account: ConnectedAccount) -> bool:
    """Tell whether another connected row, of whichever organization, lives on the same consent."""
    return bool(_living_on(account.subject).exclude(pk=account.pk).exists())


def is_consent_used(subject: str) -> bool:
    """Tell whether a connected row, of whichever organization, lives on this person's consent."""
    return bool(_living_on(subject).exists())


def _living_on(subject: str) -> QuerySet[ConnectedAccount]:
    rows: QuerySet[ConnectedAccount] = ConnectedAccount.objects.across_organizations().filter(
        subject=subject, kind=AccountKind.OAUTH, state=AccountState.CONNECTED
    )
    return rows


def _locked(organization: Organization, purpose: str, subject: str) -> ConnectedAccount:
    """Return the account's row, or a new one; nobody else adds any until the transaction ends."""
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    own = ConnectedAccount.objects.for_organization(organization).select_for_update()
    account = own.filter(purpose=purpose, subject=subject).first()
    if account is None:
        account = ConnectedAccount(organization=organization, purpose=purpose, subject=subject)
        account.state = AccountState.REVOKED
    if account.state == AccountState.REVOKED:
        limits.check(organization, "connected_accounts")
    return account


def _open(account: ConnectedAccount, now: datetime, actor: Any) -> None:
    account.state, account.error, account.ended_at = AccountState.CONNECTED, "", None
    account.paused_until, account.refreshing_until = None, None
    account.failure_count, account.refusal_count = 0, 0
    account.connected_at = now
    account.connected_by = actor if isinstance(actor, User) else None


def _saved(account: ConnectedAccount, actor: Any) -> ConnectedAccount:
    verb = "connected_account.connected" if account.pk is None else "connected_account.connected_again"
    account.full_clean(exclude=_SECRETS)
    account.save()
    told = {
        name: (None, getattr(account, name))
        for name in ("purpose", "kind", "email", "scopes", "shared_drive_id", "folder_id")
        if getattr(account, name)
    }
    audit.record(actor=actor, verb=verb, object=account, changes=told)
    return account


def _revocation(account: ConnectedAccount) -> queue.Order:
    return queue.Order(
        kind=REVOKE_KIND,
        subject_id=account.pk,
        organization_id=account.organization_id,
        queue="maintenance",
        lane=f"google_account:{account.pk}",
        dedupe_key=f"{REVOKE_KIND}:{account.pk}",
    )


def _drive_id(text: str, name: str) -> str:
    """Return an id; people copy the whole address of the folder, which ends with it."""
    found = text.strip().split("?")[0].rstrip("/").rpartition("/")[2]
    if len(found) > MAX_ID or not all(each.isascii() and (each.isalnum() or each in "_-") for each in found):
        raise _invalid(name, "Letters, digits, - and _, as at the end of its address.", "invalid_drive_id")
    return found


def _invalid(field: str, message: str, code: str) -> ValidationFailed:
    return ValidationFailed(message, code=code, errors={field: [message]})
