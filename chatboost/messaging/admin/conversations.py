"""The inbox: conversations, newest first; a row opens its thread."""

from datetime import timedelta
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.views import ChangeList as UnfoldChangeList

from chatboost.core import clock
from chatboost.core.admin import BulkAction, ReadOnlyAdmin, register
from chatboost.core.admin.display import label
from chatboost.core.admin.filters import OrganizationRelatedFilter
from chatboost.messaging.admin.badges import CHANNEL_SECRETS, channel_words
from chatboost.messaging.models import Conversation
from chatboost.messaging.services import conversations


class InboxList(UnfoldChangeList):
    """A changelist whose rows lead to threads."""

    def url_for_result(self, result: Conversation) -> str:
        """Return the thread's address."""
        return reverse("admin:messaging_conversation_thread", args=[result.pk])


@register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    """Conversations of all channels."""

    list_display = ("contact_name", "bot_name", "channel_name", "window", "bot_label", "last_message_at")
    list_filter = (
        ("bot", OrganizationRelatedFilter),
        ("channel", OrganizationRelatedFilter),
        "is_bot_paused",
    )
    allowed_lookups = ("contact__id__exact",)
    search_fields = (
        "contact__phone__startswith",
        "contact__first_name__istartswith",
        "contact__last_name__istartswith",
    )
    list_select_related = ("contact", "bot", "channel")
    ordering = ("-last_message_at", "-id")
    empty_hint = "A conversation begins when somebody writes to a bot, or a bot to somebody."
    bulk_actions = (
        BulkAction(
            name="pause_selected",
            label="Pause the bot",
            permission="messaging.change_conversation",
            confirm="The bot stays silent in these conversations until it is let answer again.",
            run=lambda conversation, actor: _set_paused(conversation, actor, is_paused=True),
        ),
        BulkAction(
            name="resume_selected",
            label="Let the bot answer again",
            permission="messaging.change_conversation",
            confirm="The bot answers in these conversations again.",
            run=lambda conversation, actor: _set_paused(conversation, actor, is_paused=False),
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave out people who are forgotten, and the channels' secrets."""
        return super().get_queryset(request).filter(contact__erased_at=None).defer(*CHANNEL_SECRETS)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Lead to threads."""
        return InboxList

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """A conversation's page is its thread."""
        row = self.get_object(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        return HttpResponseRedirect(reverse("admin:messaging_conversation_thread", args=[row.pk]))

    @display(description="contact")
    def contact_name(self, conversation: Conversation) -> str:
        """Name the person."""
        return str(conversation.contact)

    @display(description="speaks with", ordering="bot__name")
    def bot_name(self, conversation: Conversation) -> str:
        """Name the bot."""
        return str(conversation.bot)

    @display(description="channel")
    def channel_name(self, conversation: Conversation) -> SafeString:
        """Name the channel."""
        return channel_words(conversation.channel)

    @display(description="bot", ordering="is_bot_paused")
    def bot_label(self, conversation: Conversation) -> SafeString:
        """Say whether the bot answers or a person does."""
        return label("Paused", "warning") if conversation.is_bot_paused else label("Answers")

    @display(description="answer freely")
    def window(self, conversation: Conversation) -> SafeString:
        """Say how long free-form answers may still go."""
        left = window_left(conversation)
        return label(f"For {words_of(left)}", "success") if left else label("Window closed")


def _set_paused(conversation: Conversation, actor: Any, *, is_paused: bool) -> bool:
    if conversation.is_bot_paused == is_paused:
        return False
    change = conversations.pause_bot if is_paused else conversations.resume_bot
    change(conversation, actor=actor)
    return True


def window_left(conversation: Conversation) -> timedelta | None:
    """Return how long free-form messages may still go, or None when the window is closed."""
    if conversation.window_expires_at is None:
        return None
    left = conversation.window_expires_at - clock.now()
    return left if left > timedelta() else None


def words_of(left: timedelta) -> str:
    """Return a duration as `3 h 12 min`."""
    minutes = max(1, int(left.total_seconds() // 60))
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
