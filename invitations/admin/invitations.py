"""Each invitation: what has been done for it, its photo with a crop by hand, its card and its link."""

from typing import Any

from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from chatboost.core.admin import BulkAction, DetailAction, ReadOnlyAdmin, register
from chatboost.core.admin.display import choice_label, json_block, link
from chatboost.core.admin.filters import ChoicesDropdownFilter, DayRangeFilter, OrganizationRelatedFilter
from chatboost.core.admin.scoping import is_allowed
from chatboost.core.errors import ValidationFailed
from invitations import links
from invitations.admin import shown, steps
from invitations.admin.asked import CHANGE_INVITATIONS
from invitations.choices import InvitationState
from invitations.models import Invitation
from invitations.services import cards as services

# These have a place of their own on the page, beside what they are about.
IN_PLACE = frozenset({"set_crop", "clear_crop", "keep_ours", "keep_theirs"})


@register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Invitations of the organization, the newest first."""

    list_display = (
        "thumbnail",
        "who",
        "state_label",
        "step_label",
        "lucky_number",
        "batch_name",
        "created_at",
    )
    list_display_links = ("thumbnail", "who")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("source", OrganizationRelatedFilter),
        ("created_at", DayRangeFilter),
    )
    list_filter_submit = True
    list_select_related = ("batch",)
    search_fields = ("name__icontains", "email__istartswith", "external_id__exact", "lucky_number__exact")
    search_help_text = "Name, e-mail, the contact’s number or a lucky number"
    ordering = ("-id",)
    empty_hint = "Run a source: each of its contacts gets a card, which appears here."
    change_form_outer_before_template = "invitations/invitation.html"
    detail_actions = (
        DetailAction(
            name="retry",
            label="Try again",
            permission=CHANGE_INVITATIONS,
            icon="refresh",
            is_primary=True,
        ),
        DetailAction(name="set_crop", label="Use this frame", permission=CHANGE_INVITATIONS),
        DetailAction(name="clear_crop", label="Find the face again", permission=CHANGE_INVITATIONS),
        DetailAction(name="keep_ours", label="Write our link", permission=CHANGE_INVITATIONS),
        DetailAction(name="keep_theirs", label="Keep theirs", permission=CHANGE_INVITATIONS),
    )
    bulk_actions = (
        BulkAction(
            name="retry_selected",
            label="Try again",
            permission=CHANGE_INVITATIONS,
            confirm="Failed ones begin again at the step that failed. What is done stays.",
            run=lambda row, actor: row.state == InvitationState.FAILED and services.retry(row, actor=actor),
        ),
    )
    fieldsets = (
        ("Contact", {"fields": (("name", "email"), ("external_id", "source_link"), "contact_fields")}),
        ("When", {"fields": (("batch_link", "created_at", "finished_at"), "uuid")}),
    )

    state_label = choice_label("state")

    class Media:
        css = {"all": ["core/jobs.css", "invitations/invitations.css"]}
        js = [Script("invitations/crop.js", type="module")]

    def get_queryset(self, request: HttpRequest) -> Any:
        """Leave the contacts’ fields where they are: a list shows none of them."""
        return super().get_queryset(request).defer("values")

    def row_title(self, row: Invitation) -> str:
        """Name whose card it is."""
        return str(row)

    def is_shown(self, action: DetailAction, obj: Invitation) -> bool:
        """Offer what is possible now; what belongs to a picture or to a link stands there."""
        return action.name not in IN_PLACE and obj.state == InvitationState.FAILED

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add the photo, the card, the steps, and their buttons."""
        if (row := kwargs.get("obj")) is not None:
            context |= self._about(request, row)
        return super().render_change_form(request, context, *args, **kwargs)

    def retry(self, request: HttpRequest, row: Invitation) -> None:
        """Begin again at the step that failed."""
        services.retry(row, actor=request.user)
        self.message_user(request, "It is tried again.")

    def set_crop(self, request: HttpRequest, row: Invitation) -> None:
        """Take the frame that was drawn by hand."""
        numbers = (_pixels(request.POST.get(name, "")) for name in ("x", "y", "width", "height"))
        services.crop(row, crop=services.Crop(*numbers), actor=request.user)
        self.message_user(request, "The card is made anew with this frame.")

    def clear_crop(self, request: HttpRequest, row: Invitation) -> None:
        """Go back to the face that was found."""
        services.crop(row, crop=None, actor=request.user)
        self.message_user(request, "The card is made anew around the face.")

    def keep_ours(self, request: HttpRequest, row: Invitation) -> None:
        """Write our link over what a person entered."""
        services.resolve(row, keep_theirs=False, actor=request.user)
        self.message_user(request, "Our link is written.")

    def keep_theirs(self, request: HttpRequest, row: Invitation) -> None:
        """Leave what a person entered."""
        services.resolve(row, keep_theirs=True, actor=request.user)
        self.message_user(request, "Their link stays.")

    def _about(self, request: HttpRequest, row: Invitation) -> dict[str, Any]:
        may_change, page = is_allowed(request, CHANGE_INVITATIONS), links.card(row.uuid)
        return {
            "card": row,
            "card_label": self.state_label(row),
            "card_picture": shown.picture(row.card_uuid),
            "card_photo": steps.photo(row),
            "card_steps": steps.ledger(row),
            "card_notes": [
                note["message"] for note in row.notes if isinstance(note, dict) and note.get("message")
            ],
            # A card that is kept here has its page as its link.
            "card_page": page if row.card_uuid and page != row.link else "",
            "card_has_conflict": row.state == InvitationState.CONFLICT,
            "card_may_change": may_change,
            "card_buttons": {name: self.url("action", row.pk, name) for name in IN_PLACE}
            if may_change
            else {},
        }

    @display(description="card")
    def thumbnail(self, row: Invitation) -> SafeString | str:
        """Show the card, small."""
        url = shown.picture(row.thumbnail_uuid or row.card_uuid)
        if not url:
            return format_html(
                '<span class="cb-small-picture material-symbols-outlined" aria-hidden="true">{}</span>',
                "image",
            )
        return format_html('<img class="cb-small-picture" src="{}" alt="" loading="lazy">', url)

    @display(description="contact", ordering="name")
    def who(self, row: Invitation) -> str:
        """Name whose card it is."""
        return str(row)

    @display(description="step")
    def step_label(self, row: Invitation) -> str:
        """Say where it is, or why it went no further."""
        if row.state == InvitationState.FAILED:
            return row.error_detail or row.error_code
        return "" if row.state == InvitationState.DONE else row.get_step_display()

    @display(description="batch", ordering="batch__id")
    def batch_name(self, row: Invitation) -> str:
        """Name the batch."""
        return str(row.batch)

    @display(description="batch")
    def batch_link(self, row: Invitation) -> SafeString | str:
        """Link to the batch."""
        return link(row.batch)

    @display(description="source")
    def source_link(self, row: Invitation) -> SafeString | str:
        """Link to the source."""
        return link(row.source)

    @display(description="fields")
    def contact_fields(self, row: Invitation) -> SafeString:
        """Show what the source said of the contact."""
        return json_block(row.values)


def _pixels(text: str) -> int:
    """Read a side of the frame; scripts may send halves."""
    try:
        number = round(float(text))
    except (ValueError, OverflowError):
        raise ValidationFailed("The frame needs four numbers.") from None
    if not -100_000 < number < 100_000:
        raise ValidationFailed("The frame lies outside of the photo.")
    return number
