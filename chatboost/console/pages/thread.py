"""The thread of a conversation: what was said, a reply box, and the bot's switch."""

from functools import cached_property
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.cache import get_conditional_response

from chatboost.console.pages import bubbles
from chatboost.core.admin import registry
from chatboost.core.admin.pages import ConsolePage
from chatboost.core.admin.scoping import is_allowed
from chatboost.core.errors import DomainError
from chatboost.messaging.admin.badges import is_sandbox
from chatboost.messaging.admin.conversations import window_left, words_of
from chatboost.messaging.models import Conversation, Message, MessageStatus, OriginKind
from chatboost.messaging.services import conversations, messages
from flows.models import Execution

PAGE = 50
# How far a page that stays open may grow before it must be loaded anew.
MAX_FRAGMENT = 300
MAX_TEXT = 4096


class ConversationPage(ConsolePage):
    """A page about one conversation of the organization."""

    permission = "messaging.view_message"
    http_method_names = ["get", "head"]

    @cached_property
    def conversation(self) -> Conversation:
        """Load the conversation, or answer 404."""
        rows = Conversation.objects.for_organization(self.organization).filter(contact__erased_at=None)
        found: Conversation = get_object_or_404(
            rows.select_related("contact", "channel", "bot"), pk=self.kwargs["pk"]
        )
        return found

    def shown(self) -> list[Message]:
        """Return the page's messages, oldest first: the newest, or those before `?before=`."""
        rows = Message.objects.filter(conversation=self.conversation)
        if before := _number(self.request.GET.get("before")):
            rows = rows.filter(pk__lt=before)
        return list(rows.order_by("-id")[:PAGE])[::-1]

    def state(self) -> dict[str, Any]:
        """Return what stands around the messages and changes with them."""
        conversation = self.conversation
        left = window_left(conversation)
        verdict = messages.preview(conversation, "text")
        execution = (
            Execution.objects.filter(conversation=conversation).select_related("flow").order_by("-id").first()
            if is_allowed(self.request, "flows.view_execution")
            else None
        )
        return {
            "conversation": conversation,
            "window_left": words_of(left) if left else "",
            "verdict": verdict,
            "may_send": is_allowed(self.request, "messaging.send"),
            "may_pause": is_allowed(self.request, "messaging.change_conversation"),
            "execution": execution,
        }


class ThreadPage(ConversationPage):
    """The page."""

    template_name = "console/thread.html"

    def breadcrumbs(self) -> list[tuple[str, str]]:
        """Return what lies above."""
        return [("Inbox", reverse("admin:messaging_conversation_changelist"))]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the newest messages, or older ones, and the contact."""
        conversation = self.conversation
        shown = self.shown()
        earlier = shown and Message.objects.filter(conversation=conversation, pk__lt=shown[0].pk).exists()
        links = registry.links_of(self.request, conversation)
        may_see_contact = is_allowed(self.request, "messaging.view_contact")
        return super().get_context_data(
            **self.state(),
            title=str(conversation.contact),
            bubbles=bubbles.of(shown),
            first_id=shown[0].pk if shown else 0,
            earlier_id=shown[0].pk if earlier else None,
            is_history="before" in self.request.GET,
            is_sandbox=is_sandbox(conversation.channel),
            attributes=list(conversation.contact.attributes.order_by("key")[:100]) if may_see_contact else [],
            detail_links=[link for link in links if is_allowed(self.request, link.permission)],
            max_text=MAX_TEXT,
            **kwargs,
        )


class ThreadMessages(ConversationPage):
    """The messages alone, for a page that is open; 304 while nothing has changed."""

    template_name = "console/thread_parts.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return everything from `?from=` on."""
        rows = Message.objects.filter(
            conversation=self.conversation, pk__gte=_number(request.GET.get("from"))
        )
        shown = list(rows.order_by("-id")[:MAX_FRAGMENT])[::-1]
        state = self.state()
        execution = state["execution"]
        etag = bubbles.version(
            shown,
            state["window_left"],
            self.conversation.is_bot_paused,
            state["verdict"].reason,
            bubbles.progress(execution),
        )
        response = self.render_to_response({**state, "bubbles": bubbles.of(shown)}, headers={"ETag": etag})
        response["Cache-Control"] = "private, no-cache"
        conditional = get_conditional_response(request, etag=etag)
        return conditional if conditional is not None else response


class ThreadReply(ConversationPage):
    """Takes what an operator writes."""

    permission = "messaging.send"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
        """Queue the text; a refusal of the gate comes back in words."""
        text = request.POST.get("text", "").strip()
        if not text or len(text) > MAX_TEXT:
            return JsonResponse({"problem": f"Write between 1 and {MAX_TEXT} characters."}, status=400)
        try:
            message = messages.queue(
                conversation=self.conversation,
                type="text",
                content={"text": text},
                origin_kind=OriginKind.OPERATOR,
                origin_id=request.user.pk,
            )
        except DomainError as refusal:
            return JsonResponse({"problem": refusal.message}, status=refusal.status)
        if message.status == MessageStatus.REFUSED:
            return JsonResponse(
                {"id": message.pk, "problem": f"Not sent. {message.reason_detail}"}, status=409
            )
        return JsonResponse({"id": message.pk}, status=202)


class ThreadBot(ConversationPage):
    """Pauses the bot, or lets it answer again."""

    permission = "messaging.change_conversation"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
        """Take `pause` or `resume`."""
        match request.POST.get("do"):
            case "pause":
                conversations.pause_bot(self.conversation, actor=request.user)
            case "resume":
                conversations.resume_bot(self.conversation, actor=request.user)
            case _:
                return JsonResponse({"problem": "Say pause or resume."}, status=400)
        return JsonResponse({"is_bot_paused": self.conversation.is_bot_paused})


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else 0
