"""Pages of all organizations, for the installation's staff."""

from typing import Any

from django.contrib.admin import EmptyFieldListFilter
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from chatboost.core.admin import DetailAction, StaffAdmin, register
from chatboost.core.admin.display import EMPTY, state_label
from chatboost.core.admin.scoping import STAFF
from teams import limits
from teams.admin.limits import LimitInline, usage_list
from teams.models import HostedOrganization, Membership
from teams.services import deletion, organizations


@register(HostedOrganization)
class HostedOrganizationAdmin(StaffAdmin):
    """Every organization. What is in it is its members' business; here it is bounded, and brought back."""

    list_display = ("name", "slug", "state", "member_count", "created_at", "deleted_at")
    list_filter = ("is_active", ("deleted_at", EmptyFieldListFilter))
    search_fields = ("name", "slug")
    ordering = ("name", "id")
    readonly_fields = (
        "name",
        "slug",
        "state",
        "owners",
        "used",
        "time_zone",
        "created_at",
        "deleted_at",
    )
    inlines = (LimitInline,)
    detail_actions = (
        DetailAction(
            name="restore",
            label="Restore",
            permission=STAFF,
            icon="restore",
            confirm="Its members get in again, and work that has waited goes on. Restore?",
            is_primary=True,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Count the members along."""
        # Whichever organization it is: this is the list of all of them.
        seats = Membership.objects.across_organizations().filter(organization=OuterRef("pk")).order_by()
        counted = seats.values("organization").annotate(count=Count("pk")).values("count")
        count = Coalesce(Subquery(counted, output_field=IntegerField()), 0)
        return super().get_queryset(request).annotate(member_count=count)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out when it was deleted, of what is not."""
        is_deleted = obj is not None and obj.deleted_at is not None
        shown = [name for name in self.readonly_fields if is_deleted or name != "deleted_at"]
        return [*shown, "uses_installation_chat"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Organizations are opened by people who sign up, by the API and by create_organization."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Owners delete their organizations."""
        return False

    def is_shown(self, action: DetailAction, obj: Any) -> bool:
        """Only what is deleted can be restored."""
        return obj.deleted_at is not None

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Change what staff decides, through its service; the limits come below."""
        is_let = form.cleaned_data["uses_installation_chat"]
        organizations.let_use_installation_chat(organization=obj, is_let=is_let, actor=request.user)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Set the limits through their service."""
        formset.save(commit=False)
        organization = form.instance
        for row in formset.deleted_objects:
            limits.reset(organization=organization, name=row.name, actor=request.user)
        for row, changed in formset.changed_objects:
            if "name" in changed:
                stored = type(row).objects.for_organization(organization).get(pk=row.pk)
                limits.reset(organization=organization, name=stored.name, actor=request.user)
        for row in [*formset.new_objects, *(row for row, _ in formset.changed_objects)]:
            limits.set_value(organization=organization, name=row.name, value=row.value, actor=request.user)

    def restore(self, request: HttpRequest, organization: HostedOrganization) -> None:
        """Bring it back."""
        if deletion.restore(organization=organization, actor=request.user):
            self.message_user(request, f"{organization.name} is back.")

    @display(description="state")
    def state(self, organization: HostedOrganization) -> SafeString:
        """Tell whether it is there."""
        if organization.deleted_at is not None:
            return state_label("deleted")
        return state_label("active" if organization.is_active else "inactive")

    @display(description="members", ordering="member_count")
    def member_count(self, organization: Any) -> int:
        """Tell how many belong to it."""
        return int(organization.member_count)

    @display(description="owners")
    def owners(self, organization: HostedOrganization) -> str:
        """Name whom to talk to."""
        seats = Membership.objects.for_organization(organization.pk).filter(role="owner")
        return ", ".join(seats.order_by("id").values_list("user__email", flat=True)) or EMPTY

    @display(description="in use")
    def used(self, organization: HostedOrganization) -> SafeString:
        """Tell how much it has of what is limited."""
        return usage_list(organization)
