"""Invites to an organization."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from chatboost.core import clock
from chatboost.core.models import OrganizationModel
from teams.models.api_key import ApiKey
from teams.roles import Role


class InviteState(models.TextChoices):
    """Where an invite stands; derived from its times."""

    PENDING = "pending", "Pending"
    EXPIRED = "expired", "Expired"
    ACCEPTED = "accepted", "Accepted"
    REVOKED = "revoked", "Revoked"


class Invite(OrganizationModel):
    """An e-mail that asks one person in, with a token that works once. Only the token's SHA-256 is stored.

    pending ── accept ──▶ accepted
       │ ╲── revoke ──▶ revoked
       └── expires_at passes ──▶ expired ── resend, with a new token ──▶ pending
    """

    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    token_hash = models.CharField(max_length=64)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    invited_by_key = models.ForeignKey(
        ApiKey,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="invited by key",
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    sent_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["token_hash"], name="invite_token_unique"),
            models.UniqueConstraint(
                fields=["organization", "email"],
                condition=Q(accepted_at=None, revoked_at=None),
                name="invite_open_once_per_address",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="invite_role_known"),
            models.CheckConstraint(
                condition=Q(accepted_at=None) | Q(revoked_at=None), name="invite_accepted_or_revoked"
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def state(self) -> InviteState:
        """Return where the invite stands now."""
        if self.accepted_at is not None:
            return InviteState.ACCEPTED
        if self.revoked_at is not None:
            return InviteState.REVOKED
        return InviteState.EXPIRED if self.expires_at <= clock.now() else InviteState.PENDING
