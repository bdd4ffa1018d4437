"""Pages of the organization's Telegram chat, and of what was written there."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_POST
from unfold.decorators import display

from chatboost.core.admin import DetailAction, OrganizationAdmin, ReadOnlyAdmin, register
from chatboost.core.admin.display import EMPTY, choice_label, label, shortened
from chatboost.core.admin.filters import ChoicesDropdownFilter, DayRangeFilter
from chatboost.core.admin.forms import OrganizationForm, SecretField
from chatboost.core.admin.scoping import is_allowed, organization_of
from chatboost.core.errors import DomainError
from teams.models import TelegramBoard, TelegramBoardState, TelegramChat, TelegramMessage
from teams.services import telegram

HOW = mark_safe(
    "1. In Telegram, ask <b>@BotFather</b> for a bot (/newbot) and enter its token here. 2. Save. "
    "3. Write to the bot, or add it to a group and write <code>/start</code> there. 4. <b>Find the chat</b> "
    "and choose it. 5. <b>Send a test</b>."
)


class TelegramChatForm(OrganizationForm):
    """The bot and the chat; the token is entered and never shown."""

    is_saved_by_service = True
    # Not the column's name: the form would fill it with what is stored.
    error_fields: ClassVar[Mapping[str, str]] = {"bot_token": "token"}

    token = SecretField(label="Bot token")

    class Meta:
        model = TelegramChat
        fields = ("chat_id", "is_enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "token" in self.fields and self.instance.pk:
            self.fields["token"].help_text = "Stored, not shown. Enter a new one to replace it."


@register(TelegramChat)
class TelegramChatAdmin(OrganizationAdmin):
    """The chat of the organization, alone in its list."""

    form = TelegramChatForm
    list_display = ("shown_chat", "state_label", "checked_at")
    readonly_fields = ("state_label", "error", "checked_at")
    empty_hint = "Connect a bot, and what happens here is told in a Telegram chat, too."
    page_permissions = {"teams_telegramchat_choose": telegram.MANAGE}
    detail_actions = (
        DetailAction(
            name="send_test",
            label="Send a test",
            permission=telegram.MANAGE,
            icon="send",
            is_primary=True,
        ),
        DetailAction(name="find_chats", label="Find the chat", permission=telegram.MANAGE, icon="search"),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for the bot first; show how it goes once there is one."""
        entered = ("token", "chat_id", "is_enabled") if obj else ("token", "chat_id")
        groups: list[Any] = [(None, {"fields": entered, "description": HOW})]
        if not self.has_change_permission(request, obj):
            groups = [(None, {"fields": ("chat_id", "is_enabled")})]
        if obj is not None:
            groups.append(("State", {"fields": ("state_label", "error", "checked_at")}))
        return groups

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave the token where it is."""
        return super().get_queryset(request).defer("bot_token")

    def row_title(self, row: TelegramChat) -> str:
        """Name the page."""
        return "Telegram chat"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Offer to connect one where there is none."""
        may_add = self.has_add_permission(request) and not self.get_queryset(request).exists()
        return super().changelist_view(request, {"has_add_permission": may_add, **(extra_context or {})})

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for the bot, or show the one that is connected: there is one for an organization."""
        own = self.get_queryset(request).first() if self.has_add_permission(request) else None
        if own is not None:
            return HttpResponseRedirect(self.url("change", own.pk))
        return super().add_view(request, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: TelegramChat, form: Any, change: bool) -> None:
        """Save through the service."""
        entered = form.cleaned_data
        saved = telegram.save(
            organization=organization_of(request),
            bot_token=entered.get("token") or None,
            chat_id=entered.get("chat_id"),
            is_enabled=entered.get("is_enabled"),
            actor=request.user,
        )
        obj.__dict__.update(saved.__dict__)

    def response_add(
        self, request: HttpRequest, obj: TelegramChat, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Stay: the chat is found next."""
        messages.success(request, "The bot is connected. Now find the chat.")
        return HttpResponseRedirect(self.url("change", obj.pk))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Offer no second one."""
        context["show_save_and_add_another"] = False
        return super().render_change_form(request, context, *args, **kwargs)

    def delete_model(self, request: HttpRequest, obj: TelegramChat) -> None:
        """Forget it through the service."""
        telegram.remove(obj, actor=request.user)

    def get_urls(self) -> list[URLPattern]:
        """Add the address that takes the chosen chat."""
        view = self.admin_site.admin_view(require_POST(self.choose_view))
        choose = path("<int:pk>/choose/", view, name="teams_telegramchat_choose")
        return [choose, *super().get_urls()]

    def send_test(self, request: HttpRequest, chat: TelegramChat) -> None:
        """Write into the chat."""
        telegram.send_test(chat, actor=request.user)
        messages.success(request, "The test was sent: look into the chat.")

    def find_chats(self, request: HttpRequest, chat: TelegramChat) -> HttpResponse:
        """Show the chats that the bot has seen."""
        context = {
            **self.admin_site.each_context(request),
            "title": "Find the chat",
            "breadcrumbs": [("Telegram", self.url("change", chat.pk))],
            "chats": telegram.find_chats(chat.bot_token),
            "chosen": chat.chat_id,
            "choose_url": reverse("admin:teams_telegramchat_choose", args=[chat.pk]),
            "back_url": self.url("change", chat.pk),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "teams/telegram_chats.html", context)

    def choose_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take one of them."""
        chat = self.get_object(request, str(pk))
        if chat is None:
            raise Http404("No such chat.")
        if not is_allowed(request, telegram.MANAGE):
            raise PermissionDenied
        try:
            telegram.save(
                organization=organization_of(request),
                chat_id=request.POST.get("chat_id", ""),
                actor=request.user,
            )
        except DomainError as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, "The chat is chosen. Send a test to see whether it arrives.")
        return HttpResponseRedirect(self.url("change", pk))

    @display(description="chat")
    def shown_chat(self, chat: TelegramChat) -> str:
        """Name the chat."""
        return chat.chat_id or "Not chosen yet"

    @display(description="state")
    def state_label(self, chat: TelegramChat) -> SafeString | str:
        """Tell whether anything can be written."""
        if chat.error:
            return label("Refused by Telegram", "danger")
        if not chat.is_enabled:
            return label("Switched off")
        return label("Connected", "success") if chat.chat_id else label("No chat chosen", "warning")


@register(TelegramMessage)
class TelegramMessageAdmin(ReadOnlyAdmin):
    """What was written into the chat, the newest first."""

    list_display = ("words", "state_label", "attempt_count", "created_at", "sent_at")
    list_filter = (("state", ChoicesDropdownFilter), ("created_at", DayRangeFilter))
    list_filter_submit = True
    search_fields = ("text__icontains",)
    ordering = ("-id",)
    empty_hint = "What is written into the organization’s Telegram chat appears here."
    fields = (
        "whole_text",
        ("state_label", "error"),
        "attempt_count",
        ("created_at", "sent_at"),
        ("external_id", "chat_id"),
        "kept_up",
    )

    state_label = choice_label("state")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Bring the boards along."""
        return super().get_queryset(request).select_related("board")

    @display(description="kept up to date")
    def kept_up(self, message: TelegramMessage) -> SafeString | str:
        """Tell whether the message is edited, and how far that is."""
        board: TelegramBoard | None = getattr(message, "board", None)
        if board is None:
            return EMPTY
        edits = f"{board.get_state_display()}, {board.edit_count} edits. {board.error}"
        return label(edits, "danger") if board.state == TelegramBoardState.FAILED else edits

    @display(description="text")
    def words(self, message: TelegramMessage) -> str:
        """Show the beginning."""
        return shortened(message.text)

    @display(description="text")
    def whole_text(self, message: TelegramMessage) -> SafeString | str:
        """Show all of it, with its lines."""
        return format_html('<div class="cb-bubble-text" dir="auto">{}</div>', message.text or EMPTY)
