"""What the rooms' admin modules declare.

The console's site takes it from here, so no room imports the console.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.http import HttpRequest

AdminT = TypeVar("AdminT", bound="type[ModelAdmin[Any]]")


@dataclass(frozen=True, slots=True)
class DetailLink:
    """A link on a row's page. `permission` is asked in full (`flows.view_flow`)."""

    label: str
    url: str
    icon: str
    permission: str


LinkMaker = Callable[[HttpRequest, Any], DetailLink]

_admins: dict[type[Model], type[ModelAdmin[Any]]] = {}
_links: dict[type[Model], list[LinkMaker]] = {}


def register(model: type[Model]) -> Callable[[AdminT], AdminT]:
    """Declare the decorated class as a model's pages.

    Raises: ValueError when another class has the model.
    """

    def declare(admin_class: AdminT) -> AdminT:
        if model in _admins:
            raise ValueError(f"{model.__name__} has admin pages already")
        _admins[model] = admin_class
        return admin_class

    return declare


def registered() -> Mapping[type[Model], type[ModelAdmin[Any]]]:
    """Return every declared model with its admin class."""
    return dict(_admins)


def link_on(model: type[Model]) -> Callable[[LinkMaker], LinkMaker]:
    """Put the link that the decorated function makes on every page of a row of `model`.

    This is how a higher room shows its part of a lower room's row: a bot's flows, a contact's executions.
    """

    def declare(maker: LinkMaker) -> LinkMaker:
        _links.setdefault(model, []).append(maker)
        return maker

    return declare


def links_of(request: HttpRequest, row: Model) -> list[DetailLink]:
    """Return the links declared for a row, in order of declaration; permissions are not asked here."""
    return [maker(request, row) for maker in _links.get(type(row), ())]
