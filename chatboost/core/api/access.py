"""Saying who a view lets in, where no role's permission does: `list_permissions` wants to know."""

from collections.abc import Callable
from typing import Any, TypeVar

ViewT = TypeVar("ViewT", bound=Callable[..., Any])


def open_to(whom: str) -> Callable[[ViewT], ViewT]:
    """Note on a view, a function or a class, who may call it: "anybody", "Meta, by its signature"."""

    def note(view: ViewT) -> ViewT:
        view.access = whom  # type: ignore[attr-defined]
        return view

    return note
