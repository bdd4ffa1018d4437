"""The engine row's flow, as ours, by hand, as a state machine, and read by a home-made interpreter.

Remember what was said, look whether it is there, greet, remember that, say good-bye: five nodes, two texts.
Each runner takes what the contact wrote and returns the texts that go out.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import jinja2
from transitions import Machine

from flows.engine import compiler
from flows.engine.effects import SendMessage
from flows.engine.events import Started
from flows.engine.run import Context, advance
from flows.engine.state import RunState

Runner = Callable[[str], list[str]]

HELLO, BYE = "Hello {name}, welcome!", "Bye {name}, see you soon."
NOW = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)


def _set(key: str, value: str, following: int) -> dict[str, Any]:
    config = {"attribute_key": key, "attribute_value": value, "value_type": "string", "next": following}
    return {"type": "set_attribute", "config": config}


def _send(text: str, following: int | None) -> dict[str, Any]:
    content = {"text": text.format(name="{{contact.attribute.name}}")}
    return {
        "type": "send_message",
        "config": {"message_type": "text", "content": content, "next": following},
    }


NODES: list[dict[str, Any]] = [
    _set("name", "{{message.text}}", 1),
    {
        "type": "condition",
        "config": {
            "variable": "contact.attribute.name",
            "operator": "exists",
            "true_path": 2,
            "false_path": 4,
        },
    },
    _send(HELLO, 3),
    _set("greeted", "yes", 4),
    _send(BYE, None),
]
SPEC = {"entry": 0, "nodes": [{"number": number, **node} for number, node in enumerate(NODES)]}


def ours() -> Runner:
    """Our engine: the version compiled once, then one event a run."""
    flow = compiler.compile_version(SPEC)

    def run(said: str) -> list[str]:
        context = Context({"attribute": {}}, NOW, {"text": said, "type": "text"})
        result = advance(flow, RunState(), Started(), context)
        return [effect.content["text"] for effect in result.effects if type(effect) is SendMessage]

    return run


def by_hand(said: str) -> list[str]:
    """The same flow written as Python, with no flow left in it."""
    attributes: dict[str, Any] = {"name": said}
    effects: list[dict[str, Any]] = [{"type": "attribute", "key": "name", "value": said}]
    if attributes.get("name") is not None:
        effects.append({"type": "text", "text": f"Hello {attributes['name']}, welcome!"})
        attributes["greeted"] = "yes"
        effects.append({"type": "attribute", "key": "greeted", "value": "yes"})
    effects.append({"type": "text", "text": f"Bye {attributes['name']}, see you soon."})
    return [effect["text"] for effect in effects if effect["type"] == "text"]


class _Talk:
    """The model of the state machine; one object is used for all runs, which spares it the binding."""

    def begin(self, said: str) -> None:
        self.said, self.attributes, self.texts = said, {}, []

    def remember(self) -> None:
        self.attributes["name"] = self.said

    def is_named(self) -> bool:
        return self.attributes.get("name") is not None

    def greet(self) -> None:
        self.texts.append(HELLO.format(name=self.attributes["name"]))

    def note(self) -> None:
        self.attributes["greeted"] = "yes"

    def part(self) -> None:
        self.texts.append(BYE.format(name=self.attributes["name"]))

    said: str
    attributes: dict[str, str]
    texts: list[str]


def state_machine() -> Runner:
    """`transitions`: a state a node, entered one after the other."""
    talk = _Talk()
    states = [
        "ready",
        {"name": "remembered", "on_enter": "remember"},
        "checked",
        {"name": "greeted", "on_enter": "greet"},
        {"name": "noted", "on_enter": "note"},
        {"name": "parted", "on_enter": "part"},
    ]
    steps = [
        {"trigger": "go", "source": "ready", "dest": "remembered"},
        {"trigger": "go", "source": "remembered", "dest": "checked"},
        {"trigger": "go", "source": "checked", "dest": "greeted", "conditions": "is_named"},
        {"trigger": "go", "source": "checked", "dest": "parted"},
        {"trigger": "go", "source": "greeted", "dest": "noted"},
        {"trigger": "go", "source": "noted", "dest": "parted"},
    ]
    machine = Machine(talk, states=states, transitions=steps, initial="ready", auto_transitions=False)

    def run(said: str) -> list[str]:
        machine.set_state("ready")
        talk.begin(said)
        while talk.state != "parted":  # type: ignore[attr-defined]
            talk.go()  # type: ignore[attr-defined]
        return talk.texts

    return run


def interpreter() -> Runner:
    """Nodes as dicts, texts as Jinja templates compiled for each message: how such systems begin."""
    environment = jinja2.Environment(autoescape=False)
    nodes = {number: (node["type"], node["config"]) for number, node in enumerate(NODES)}

    def run(said: str) -> list[str]:
        attributes: dict[str, Any] = {}
        scope = {"contact": {"attribute": attributes}, "message": {"text": said}}
        texts: list[str] = []
        number: int | None = 0
        while number is not None:
            kind, config = nodes[number]
            number = config.get("next")
            if kind == "set_attribute":
                template = environment.from_string(config["attribute_value"])
                attributes[config["attribute_key"]] = template.render(scope)
            elif kind == "condition":
                found = environment.compile_expression(config["variable"])(**scope)
                number = config["true_path"] if found is not None else config["false_path"]
            else:
                texts.append(environment.from_string(config["content"]["text"]).render(scope))
        return texts

    return run
