"""The mailbox: mail that was written, what became of it, and the words it holds."""

import re
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import display

from chatboost.core import mail as outbox
from chatboost.core.admin.bulk import BulkAction
from chatboost.core.admin.buttons import DetailAction
from chatboost.core.admin.display import choice_label
from chatboost.core.admin.filters import ChoicesDropdownFilter, DayRangeFilter
from chatboost.core.admin.installation import InstallationAdmin
from chatboost.core.admin.registry import register
from chatboost.core.admin.scoping import is_allowed, organization_of
from chatboost.core.models import Mail

CHANGE = "core.change_mail"

# Ends before what more often closes a sentence than belongs to an address.
_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]}']")


@register(Mail)
class MailAdmin(InstallationAdmin):
    """Pages of mails. Mail about accounts holds links that sign in: it is for the installation's staff."""

    list_display = ("subject", "to", "state_label", "template", "created_at", "sent_at")
    list_filter = (("state", ChoicesDropdownFilter), ("created_at", DayRangeFilter))
    list_filter_submit = True
    search_fields = ("to__istartswith", "subject__icontains", "message_id__exact")
    search_help_text = "Address, subject or Message-ID"
    ordering = ("-id",)
    empty_hint = "Mails that this installation writes appear here, whether they leave it or not."
    list_before_template = "core/mailbox_note.html"
    page_permissions = {"core_mail_test": CHANGE}
    detail_actions = (
        DetailAction(
            name="send_again",
            label="Send again",
            permission=CHANGE,
            icon="forward_to_inbox",
            confirm="If the first one did arrive, the person may see it twice. Send it again?",
            is_primary=True,
        ),
    )
    bulk_actions = (
        BulkAction(
            name="send_selected_again",
            label="Send again",
            permission=CHANGE,
            confirm="Mails that failed or are unclear are sent again. An unclear one may arrive twice.",
            run=lambda mail, actor: outbox.send_again(mail=mail, actor=actor),
        ),
    )
    fieldsets = (
        (None, {"fields": ("subject", "to", ("state_label", "error"))}),
        ("Text", {"fields": ("words",)}),
        (
            "Headers",
            {
                "fields": (
                    "message_id",
                    "template",
                    ("created_at", "sent_at"),
                    ("attempt_count", "attachment_count"),
                )
            },
        ),
    )

    state_label = choice_label("state")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave the words where they are until one mail is opened."""
        return super().get_queryset(request).defer("text", "html")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Say whether mail leaves the house, and offer to try it."""
        may_test = is_allowed(request, CHANGE)
        shown = {
            "is_mail_kept": not settings.EMAIL_HOST,
            "test_mail_url": reverse("admin:core_mail_test") if may_test else "",
        }
        return super().changelist_view(request, {**shown, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        """Add the address of the test mail."""
        test = path("test/", self.admin_site.admin_view(require_POST(self.test_view)), name="core_mail_test")
        return [test, *super().get_urls()]

    def test_view(self, request: HttpRequest) -> HttpResponse:
        """Write a mail to whoever asks."""
        if not is_allowed(request, CHANGE):
            raise PermissionDenied
        user: Any = request.user
        outbox.queue(
            to=user.email,
            template="test",
            context={"name": user.get_full_name()},
            organization_id=organization_of(request).pk,
        )
        messages.success(request, f"A mail to {user.email} is written: see below what becomes of it.")
        return HttpResponseRedirect(self.url("changelist"))

    def is_shown(self, action: DetailAction, obj: Mail) -> bool:
        """Offer it where nothing of ours will send the mail any more."""
        return bool(settings.EMAIL_HOST) and outbox.may_send_again(obj)

    def send_again(self, request: HttpRequest, mail: Mail) -> None:
        """Send the mail again under its old Message-ID."""
        outbox.send_again(mail=mail, actor=request.user)
        messages.success(request, "The mail is queued again.")

    @display(description="text")
    def words(self, mail: Mail) -> SafeString:
        """Show the plain text; its addresses are links that tell nobody where one comes from."""
        return format_html('<div class="cb-bubble-text" dir="auto">{}</div>', with_links(mail.text))

    @display(description="attachments")
    def attachment_count(self, mail: Mail) -> int:
        """Count the attachments."""
        return len(mail.file_uuids)


def with_links(text: str) -> SafeString:
    """Return escaped text whose addresses can be followed."""
    parts: list[tuple[SafeString | str]] = []
    end = 0
    for match in _LINK.finditer(text):
        link = format_html(
            '<a href="{0}" class="cb-link" target="_blank" rel="noopener noreferrer">{0}</a>', match[0]
        )
        parts += [(text[end : match.start()],), (link,)]
        end = match.end()
    return format_html_join("", "{}", [*parts, (text[end:],)])
