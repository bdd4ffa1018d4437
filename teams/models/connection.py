"""Accounts at Google that an organization has connected, and the way there."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from chatboost.core import clock
from chatboost.core.fields import EncryptedTextField
from chatboost.core.models import OrganizationModel


class Purpose(models.TextChoices):
    """What an account is used for."""

    CALENDAR = "calendar", "Google Calendar"
    DRIVE = "drive", "Google Drive"


class AccountKind(models.TextChoices):
    """How an account lets us in."""

    OAUTH = "oauth", "Account of a person"
    SERVICE_ACCOUNT = "service_account", "Service account"


class AccountState(models.TextChoices):
    """Whether an account can be used."""

    CONNECTED = "connected", "Connected"
    REVOKED = "revoked", "Disconnected"
    FAILED = "failed", "Failed"


class ConnectedAccount(OrganizationModel):
    """An account at Google, with what opens it. A disconnected one stays: what it was used for names it.

    connected ──▶ revoked   by us, or at Google: nothing opens it any more
       │  ▲──────────┴── connected again: consent, or a new key
       └──┴─▶ failed        Google refuses us, though nobody has revoked it; a check that works brings it back
    """

    purpose = models.CharField(max_length=10, choices=Purpose)
    kind = models.CharField(max_length=16, choices=AccountKind, default=AccountKind.OAUTH)
    email = models.EmailField(max_length=254, blank=True)
    subject = models.CharField(max_length=191, help_text="Google's own id of the account.")
    scopes = models.JSONField(default=list, blank=True)
    refresh_token = EncryptedTextField(blank=True)
    access_token = EncryptedTextField(blank=True)
    access_token_expires_at = models.DateTimeField(null=True, blank=True)
    service_account_key = EncryptedTextField(blank=True)
    shared_drive_id = models.CharField(
        max_length=128,
        blank=True,
        help_text="The Shared Drive that files go to; a service account needs one.",
    )
    folder_id = models.CharField(max_length=128, blank=True, help_text="The folder that files go below.")
    state = models.CharField(max_length=10, choices=AccountState, default=AccountState.CONNECTED)
    error = models.CharField(max_length=300, blank=True)
    paused_until = models.DateTimeField(
        null=True, blank=True, help_text="Google asked us to wait until then."
    )
    failure_count = models.PositiveIntegerField(default=0, help_text="How often in a row we were too fast.")
    refusal_count = models.PositiveIntegerField(default=0, help_text="New tokens in a row that were refused.")
    # Whoever exchanges the token has it to themselves until then.
    refreshing_until = models.DateTimeField(null=True, blank=True, editable=False)
    connected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    connected_at = models.DateTimeField(default=clock.now)
    refreshed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "purpose", "subject"], name="connected_account_once_per_purpose"
            ),
            models.CheckConstraint(
                condition=Q(purpose__in=Purpose.values), name="connected_account_purpose_known"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=AccountKind.values), name="connected_account_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=AccountState.values), name="connected_account_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state=AccountState.CONNECTED) | Q(access_token=""),
                name="connected_account_opens_only_connected",
            ),
        ]
        indexes = [
            # Disconnecting: who else shares the grant, of whichever organization.
            models.Index(fields=["subject"], name="connected_account_subject"),
        ]

    def __str__(self) -> str:
        return self.email or self.subject


class OAuthState(OrganizationModel):
    """One trip to Google and back. Only the SHA-256 of its state is stored, and of the session it belongs to.

    It works once, for ten minutes, in the browser session, for the user and for the organization that began.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    purpose = models.CharField(max_length=10, choices=Purpose)
    state_hash = models.CharField(max_length=64)
    session_hash = models.CharField(max_length=64)
    verifier = EncryptedTextField(blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "OAuth state"
        constraints = [
            models.UniqueConstraint(fields=["state_hash"], name="oauth_state_unique"),
            models.CheckConstraint(condition=Q(purpose__in=Purpose.values), name="oauth_state_purpose_known"),
        ]
        indexes = [
            # Retention: oldest first.
            models.Index(fields=["created_at"], name="oauth_state_created"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.created_at:%Y-%m-%d %H:%M}"
