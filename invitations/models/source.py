"""Sources: where the contacts come from who are invited."""

import uuid

from django.db import models
from django.db.models import Q

from chatboost.core import clock
from chatboost.core.fields import EncryptedTextField
from invitations.choices import AudienceKind, AuthKind, SourceKind
from invitations.models.plan import Plan


class InvitationSource(Plan):
    """A Mautic, a file or our own contacts, what their fields mean, and what their batches are like.

    `paused_until` and `failure_count` are what the source's server has asked for, or brought upon itself: no
    call goes out before. `error` says that it refuses our credentials; nothing goes out until they change.
    """

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=SourceKind)
    is_enabled = models.BooleanField("enabled", default=True)

    base_url = models.URLField(
        "address", max_length=500, blank=True, help_text="Of Mautic, such as https://crm.example.com"
    )
    auth = models.CharField("sign-in", max_length=10, choices=AuthKind, default=AuthKind.BASIC)
    username = models.CharField(max_length=200, blank=True)
    password = EncryptedTextField(blank=True)
    client_id = models.CharField(max_length=200, blank=True)
    client_secret = EncryptedTextField(blank=True)
    access_token = EncryptedTextField(blank=True, editable=False)
    token_expires_at = models.DateTimeField(null=True, editable=False)

    audience = models.CharField(
        "which contacts", max_length=10, choices=AudienceKind, default=AudienceKind.ALL
    )
    audience_id = models.CharField(
        "form, segment or attribute",
        max_length=200,
        blank=True,
        help_text="The number of a form, the alias of a segment, or key=value for an attribute.",
    )
    file_uuid = models.UUIDField(null=True, blank=True, editable=False)
    file_name = models.CharField(max_length=200, blank=True, editable=False)

    name_fields = models.CharField(
        "name", max_length=300, default="firstname, lastname", help_text="Fields, separated by commas."
    )
    email_field = models.CharField("e-mail", max_length=100, blank=True, default="email")
    photo_field = models.CharField(
        "photo", max_length=100, blank=True, help_text="Holds the address of a picture."
    )
    lucky_field = models.CharField("lucky number", max_length=100, blank=True)
    link_field = models.CharField(
        "link",
        max_length=100,
        blank=True,
        default="invitation_link",
        help_text="Gets the link to the card. Contacts that have one are left out.",
    )

    is_polled = models.BooleanField(
        "look for new contacts", default=False, help_text="By itself, every few minutes."
    )
    poll_minutes = models.PositiveSmallIntegerField("every … minutes", default=5)
    polled_at = models.DateTimeField(null=True, blank=True, editable=False)
    polled_up_to = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Contacts that changed before are known."
    )
    # A look that is under way: where its next page begins, and when it began.
    poll_cursor = models.CharField(max_length=200, blank=True, editable=False)
    poll_began_at = models.DateTimeField(null=True, blank=True, editable=False)
    webhook_secret = EncryptedTextField(
        blank=True, help_text="Mautic signs its webhooks with it. Empty: webhooks are refused."
    )

    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    failure_count = models.PositiveIntegerField(default=0, editable=False)
    error = models.CharField(max_length=300, blank=True, editable=False)
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = "invitation source"
        constraints = [
            models.UniqueConstraint(fields=["uuid"], name="invitation_source_uuid"),
            models.UniqueConstraint(fields=["organization", "name"], name="invitation_source_name"),
            models.CheckConstraint(
                condition=Q(lucky_first__lte=models.F("lucky_last")), name="invitation_source_range"
            ),
        ]
        indexes = [
            # The tick: which are to be looked at?
            models.Index(
                fields=["polled_at"],
                condition=Q(is_polled=True, is_enabled=True),
                name="invitation_source_polled",
            ),
        ]

    def __str__(self) -> str:
        return self.name
