"""`manage.py list_events`: which events there are, what they carry, who listens."""

import dataclasses
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.module_loading import autodiscover_modules

from chatboost.core.events import Event, subscriptions


class Command(BaseCommand):
    """Print every event of every room."""

    help = "List the event types, their payloads and their subscribers."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one block an event, by name."""
        autodiscover_modules("events")
        for event in sorted(_all(Event), key=lambda event: event.name):
            fields = ", ".join(f"{field.name}: {_type(field.type)}" for field in dataclasses.fields(event))
            self.stdout.write(f"{event.name}({fields})")
            self.stdout.write(f"    from {event.__module__}")
            names = [listener.name for listener in subscriptions(event.name)]
            self.stdout.write(f"    to {', '.join(names) if names else 'nobody: it is not written'}")


def _all(base: type[Event]) -> list[type[Event]]:
    found = [event for child in base.__subclasses__() for event in [child, *_all(child)]]
    # A dataclass with slots leaves its undecorated twin behind as a subclass.
    return list({event.name: event for event in found if "name" in vars(event)}.values())


def _type(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
