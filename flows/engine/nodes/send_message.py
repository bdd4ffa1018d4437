"""Send a message to the contact."""

from typing import Any, ClassVar, Final

from chatboost.core import interpolation
from flows.engine.effects import LogEntry, SendMessage
from flows.engine.frame import Frame
from flows.engine.kinds import CompiledNode, Config, Enter, NodeKind, target
from flows.engine.nodes import interactive, texts
from flows.engine.problems import Problem, error

MAX_TEXT: Final = 4096


class SendMessageNode(NodeKind):
    """`{"message_type": "text", "content": {"text"}, "next"}`; `interactive`: see `nodes.interactive`."""

    name: ClassVar[str] = "send_message"
    sends_free_form: ClassVar[bool] = True

    def check(self, config: Config) -> list[Problem]:
        """Check the content against the limits of its message type."""
        content = config.get("content")
        if not isinstance(content, dict):
            return [error("content", "bad_content", "A message has a content.")]
        match config.get("message_type", "text"):
            case "text":
                return texts.check(content.get("text"), "content.text", MAX_TEXT)
            case "interactive":
                return interactive.check(content)
            case _:
                return [error("message_type", "bad_message_type", "Choose text or interactive.")]

    def compile(self, number: int, config: Config) -> CompiledNode:
        """Prepare the texts."""
        sent = LogEntry(number, self.name, "sent")
        following = target(config, "next")
        if config.get("message_type", "text") == "text":
            return CompiledNode(_send_text(config["content"], sent, following))
        return CompiledNode(_send_interactive(config["content"], sent, following))


def _send_text(content: dict[str, Any], sent: LogEntry, following: int | None) -> Enter:
    template = interpolation.compile(content["text"])
    if not template.paths:
        return _send_fixed(SendMessage("text", {"text": template.source}), sent, following)
    fill, may_be_blank = template.fill, not template.has_words

    def enter(frame: Frame) -> int | None:
        text = fill(frame.scope, frame.missing)
        if len(text) > MAX_TEXT or (may_be_blank and not text.strip()):
            raise texts.refusal(text, "content.text", MAX_TEXT)
        frame.effects.append(SendMessage("text", {"text": text}))
        frame.logs.append(sent)
        return following

    return enter


def _send_fixed(message: SendMessage, sent: LogEntry, following: int | None) -> Enter:
    def enter(frame: Frame) -> int | None:
        frame.effects.append(message)
        frame.logs.append(sent)
        return following

    return enter


def _send_interactive(content: dict[str, Any], sent: LogEntry, following: int | None) -> Enter:
    write = interactive.writer(content)

    def enter(frame: Frame) -> int | None:
        frame.effects.append(SendMessage("interactive", write(frame)))
        frame.logs.append(sent)
        return following

    return enter
