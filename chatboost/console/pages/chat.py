"""The simulated phone of a bot: an operator writes as a contact, and the bot answers as on WhatsApp."""

from functools import cached_property
from typing import Any, cast

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.cache import get_conditional_response

from chatboost.console.pages import bubbles
from chatboost.core.admin.pages import ConsolePage
from chatboost.core.admin.scoping import is_allowed
from chatboost.core.errors import Conflict, DomainError
from chatboost.core.models import WorkItem, WorkState
from chatboost.messaging.models import Bot, Channel, ChannelKind, Conversation, Direction, Message
from chatboost.messaging.services import channels, simulator
from flows.models import Execution, ExecutionLog
from teams.models import User

SHOWN = 80
STEPS = 8
MAX_TEXT = 4096
MAX_REPLY_ID = 256


class PhonePage(ConsolePage):
    """A page about one bot's simulated phone; each operator has a phone of their own."""

    permission = "messaging.send"
    http_method_names = ["get", "head"]

    @cached_property
    def bot(self) -> Bot:
        """Load the bot, or answer 404."""
        found: Bot = get_object_or_404(Bot.objects.for_organization(self.organization), pk=self.kwargs["pk"])
        return found

    @cached_property
    def channel(self) -> Channel | None:
        """Find the bot's simulator."""
        found: Channel | None = Channel.objects.filter(bot=self.bot, kind=ChannelKind.SIMULATOR).first()
        return found

    @property
    def operator_key(self) -> str:
        """Name the operator to the simulator: letters and digits."""
        return f"u{self.request.user.pk}"

    def state(self) -> dict[str, Any]:
        """Return what the phone shows, and what the bot is doing."""
        conversation = simulator.conversation_of(self.channel, self.operator_key) if self.channel else None
        shown = _newest(conversation) if conversation else []
        is_working = self._is_working(conversation)
        execution = self._execution(conversation)
        is_unanswered = bool(shown) and shown[-1].direction == Direction.INBOUND and not is_working
        return {
            "bot": self.bot,
            "conversation": conversation,
            "messages_shown": shown,
            "is_working": is_working,
            "is_unanswered": is_unanswered,
            "execution": execution,
            "steps": self._steps(execution),
        }

    def _is_working(self, conversation: Conversation | None) -> bool:
        """Tell whether something is owed now: a message to take in, or an answer to send."""
        if self.channel is None:
            return False
        lanes = [f"in:{self.channel.pk}:{simulator.user_id(self.channel, self.operator_key)}"[:120]]
        if conversation:
            lanes.append(f"send:{conversation.pk}")
        return WorkItem.objects.filter(lane__in=lanes, state__in=[WorkState.READY, WorkState.LEASED]).exists()

    def _execution(self, conversation: Conversation | None) -> Execution | None:
        if conversation is None or not is_allowed(self.request, "flows.view_execution"):
            return None
        found: Execution | None = (
            Execution.objects.filter(conversation=conversation).select_related("flow").order_by("-id").first()
        )
        return found

    def _steps(self, execution: Execution | None) -> list[ExecutionLog]:
        if execution is None:
            return []
        return list(ExecutionLog.objects.filter(execution=execution).order_by("-id")[:STEPS])[::-1]


class ChatPage(PhonePage):
    """The page."""

    template_name = "console/chat.html"

    def breadcrumbs(self) -> list[tuple[str, str]]:
        """Return what lies above."""
        bots = ("Bots", reverse("admin:messaging_bot_changelist"))
        return [bots, (self.bot.name, reverse("admin:messaging_bot_change", args=[self.bot.pk]))]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the phone."""
        state = self.state()
        return super().get_context_data(
            **state,
            title=f"Chat with {self.bot.name}",
            bubbles=bubbles.of(state["messages_shown"]),
            max_text=MAX_TEXT,
            **kwargs,
        )


class ChatMessages(PhonePage):
    """The phone's screen alone, for a page that is open; 304 while nothing has changed."""

    template_name = "console/chat_parts.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return the newest messages and what the bot is doing."""
        state = self.state()
        shown, execution = state["messages_shown"], state["execution"]
        etag = bubbles.version(
            shown,
            shown[-1].pk if shown else 0,
            state["is_working"],
            bubbles.progress(execution),
        )
        response = self.render_to_response({**state, "bubbles": bubbles.of(shown)}, headers={"ETag": etag})
        response["Cache-Control"] = "private, no-cache"
        conditional = get_conditional_response(request, etag=etag)
        return conditional if conditional is not None else response


class ChatSay(PhonePage):
    """Takes what is typed or tapped on the phone."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
        """Give it to the bot by the same door as a WhatsApp message."""
        text = request.POST.get("text", "").strip()
        reply_id = request.POST.get("reply_id", "")
        if not text or len(text) > MAX_TEXT or len(reply_id) > MAX_REPLY_ID:
            return JsonResponse({"problem": f"Write between 1 and {MAX_TEXT} characters."}, status=400)
        try:
            channel = self.channel or _open(self.bot, actor=request.user)
            external_id = simulator.receive(
                channel=channel,
                operator_key=self.operator_key,
                text=text,
                reply_id=reply_id,
                name=cast(User, request.user).get_short_name(),
            )
        except DomainError as refusal:
            return JsonResponse({"problem": refusal.message}, status=refusal.status)
        return JsonResponse({"external_id": external_id}, status=202)


class ChatReset(PhonePage):
    """Begins anew."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
        """Forget the simulated person and everything said."""
        if self.channel is not None:
            simulator.reset(self.channel, self.operator_key)
        return JsonResponse({})


def _newest(conversation: Conversation) -> list[Message]:
    """Return the newest messages, oldest first."""
    return list(Message.objects.filter(conversation=conversation).order_by("-id")[:SHOWN])[::-1]


def _open(bot: Bot, *, actor: Any) -> Channel:
    try:
        return channels.create(bot=bot, kind=ChannelKind.SIMULATOR, actor=actor)
    except Conflict:  # somebody was faster
        return Channel.objects.get(bot=bot, kind=ChannelKind.SIMULATOR)
