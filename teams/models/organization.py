"""Organizations and who belongs to them."""

from django.conf import settings
from django.db import models

from chatboost.core import clock
from chatboost.core.models import OrganizationModel
from teams import names
from teams.roles import Role


class SecondStep(models.TextChoices):
    """Who must sign in with a code of an authenticator app, besides the password."""

    OPTIONAL = "optional", "Nobody has to"
    ADMINS = "admins", "Owners and administrators"
    EVERYBODY = "everybody", "Everybody"


class Organization(models.Model):
    """A business. Every domain row belongs to exactly one.

    While it is not active nobody gets in and nothing goes out in its name; a deleted one is not active.
    """

    name = models.CharField(max_length=120, validators=[names.check])
    slug = models.SlugField(max_length=60, db_index=False)
    time_zone = models.CharField(max_length=64, default="UTC")
    language = models.CharField(
        max_length=16,
        default="en",
        help_text="A language tag, such as en or pt-BR, for programs that read it by the API. "
        "The console and its mails are in English.",
    )
    second_step = models.CharField(
        max_length=10,
        choices=SecondStep,
        default=SecondStep.OPTIONAL,
        verbose_name="two-step sign-in",
        help_text="Who must have it. Members who have not set it up are asked to, and see nothing before. "
        "API keys are not concerned.",
    )
    is_active = models.BooleanField(default=True)
    uses_installation_chat = models.BooleanField(
        default=False,
        verbose_name="uses the installation's Telegram chat",
        help_text="While it has no chat of its own, its news go to the one in the environment. "
        "Whoever works there writes into that chat.",
    )
    deleted_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Its rows go in the background, some days later."
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["slug"], name="organization_slug_unique"),
            models.CheckConstraint(
                condition=models.Q(deleted_at=None) | models.Q(is_active=False),
                name="organization_deleted_is_inactive",
            ),
            models.CheckConstraint(
                condition=models.Q(second_step__in=SecondStep.values), name="organization_second_step_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class HostedOrganization(Organization):
    """An organization as the installation's staff sees it: one among all of them."""

    class Meta:
        proxy = True
        verbose_name = "organization"


class Membership(OrganizationModel):
    """A user's role in an organization."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="membership_once_per_organization"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.user_id}"
