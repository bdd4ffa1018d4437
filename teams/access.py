"""What is asked before anything happens: every operation, page, button, topic and command in one list.

It is read from the code that asks, so nothing has to be kept beside it. An entry whose `asks` is empty is a
mistake: somebody has opened a door and not said for whom.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.apps import apps
from django.contrib.admin import ModelAdmin
from django.contrib.admindocs.views import simplify_regex
from django.core.management import get_commands, load_command_class
from django.db.models import Model
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.permissions import AllowAny
from rest_framework.views import APIView

from chatboost.core import live
from chatboost.core.admin import ConsolePage
from chatboost.core.api.permissions import RolePermission, SignedIn
from teams import roles
from teams.api.permissions import Person

API, PAGES, BUTTONS, TOPICS, COMMANDS = "API", "Console pages", "Console buttons", "Live topics", "Commands"

# `{uuid:channel_uuid}`: a kind of value, which is nobody's business here.
_CONVERTER = re.compile(r"\{\w+:")

# Who is let in where no permission is asked.
ANYBODY, MEMBER, CALLER, PERSON = "anybody", "any member", "anybody signed in", "any person signed in"
STAFF, NOBODY, SHELL = "the installation's staff", "nobody", "whoever has a shell on the server"

CONSOLE = "admin/"
# Addresses of other packages, by their beginning.
OTHERS = {"accounts/": ANYBODY}
# Pages of the admin site itself. What they list is asked for row by row, by the rows' own permissions.
SITE_PAGES = {
    **dict.fromkeys(
        ("index", "app_list", "search", "autocomplete", "jsi18n", "password_change_done"), MEMBER
    ),
    **dict.fromkeys(("login", "logout", "password_change"), ANYBODY),
    **dict.fromkeys(("password_change_done", "view_on_site"), MEMBER),
}
# What a model's standard pages ask their admin.
STANDARD = {
    "changelist": "look",
    "change": "look",
    "history": "look",
    "add": "add",
    "delete": "delete",
    "action": "",
}


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One thing that can be done. `asks` is a permission, or says in words who may."""

    area: str
    name: str
    asks: str

    @property
    def least(self) -> str:
        """Return the least role that may, or an empty string where no role is asked."""
        return roles.least_of(self.asks) or ""


def entries() -> list[Entry]:
    """Return everything there is, in order."""
    found = [*_routes(), *_topics(), *_commands()]
    order = [API, PAGES, BUTTONS, TOPICS, COMMANDS]
    return sorted(set(found), key=lambda entry: (order.index(entry.area), entry.name))


def asked_by(view_class: type[APIView], action: str | None, method: str) -> str:
    """Return what a view of the API asks before one of its actions, or one of its methods."""
    view: Any = view_class()
    view.action, view.request, view.kwargs = action, None, {}
    permissions = view.get_permissions()
    if any(isinstance(each, RolePermission) for each in permissions):
        mapping = getattr(view, "permission_map", {})
        return str(mapping.get(action or "") or mapping.get(method.lower()) or "")
    if any(isinstance(each, Person) for each in permissions):
        return PERSON
    if any(isinstance(each, SignedIn) for each in permissions):
        return CALLER
    is_open = all(isinstance(each, AllowAny) for each in permissions)
    return str(getattr(view, "access", "")) if is_open else ""


def asked_by_admin(admin: ModelAdmin[Any], verb: str, row: Model | None = None) -> str:
    """Return what a model's pages ask before one may look, add, change or delete; a row may forbid it."""
    ask: Callable[..., bool] = {
        "look": admin.has_view_permission,
        "add": admin.has_add_permission,
        "change": admin.has_change_permission,
        "delete": admin.has_delete_permission,
    }[verb]
    return _asked(ask if row is None else partial(ask, obj=row))


def _routes() -> Iterator[Entry]:
    for route, pattern in _patterns(get_resolver().url_patterns, ""):
        view = pattern.callback
        if route.startswith(CONSOLE):
            yield from _console(pattern, route)
        elif other := next((words for start, words in OTHERS.items() if route.startswith(start)), None):
            yield Entry(API, f"/{route.split('/')[0]}/…", other)
        elif view_class := getattr(view, "cls", None):
            for method, action in _methods(view, view_class):
                asks = asked_by(view_class, action, method)
                yield Entry(API, f"{_path(route)} {method}", asks)
        else:
            is_root = not route
            yield Entry(API, _path(route), ANYBODY if is_root else getattr(view, "access", ""))


def _methods(view: Any, view_class: Any) -> list[tuple[str, str | None]]:
    if actions := getattr(view, "actions", None):
        return [(method.upper(), action) for method, action in actions.items() if method != "head"]
    names = [name for name in view_class.http_method_names if name not in ("head", "options", "trace")]
    return [(name.upper(), None) for name in names if hasattr(view_class, name)]


def _console(pattern: URLPattern, route: str) -> Iterator[Entry]:
    view, name = pattern.callback, pattern.name or ""
    page = getattr(view, "view_class", None)
    admin = _admin_of(route)
    if page is not None and issubclass(page, ConsolePage):
        yield Entry(PAGES, _path(route), _named(page.permission))
    elif admin is None and view.__name__ != "catch_all_view":
        yield Entry(PAGES, _path(route), SITE_PAGES.get(name, ""))
    elif admin is None:
        return
    elif name.endswith("_changelist"):
        yield from _model_pages(admin)
    elif name and name.rpartition("_")[2] not in STANDARD:
        yield Entry(PAGES, _path(route), getattr(admin, "page_permissions", {}).get(name, ""))


def _model_pages(admin: Any) -> Iterator[Entry]:
    """Yield a model's pages, the buttons of its rows, and its actions on many of them."""
    name = f"/{CONSOLE}{admin.opts.app_label}/{admin.opts.model_name}/"
    for verb in ("look", "add", "change", "delete"):
        yield Entry(PAGES, f"{name} {verb}", asked_by_admin(admin, verb))
    for each in getattr(admin, "detail_actions", ()):
        yield Entry(BUTTONS, f"{name} {each.label}", _named(each.permission))
    for each in getattr(admin, "bulk_actions", ()):
        yield Entry(BUTTONS, f"{name} {each.label}, many at once", _named(each.permission))
    for function, title, _ in admin._get_base_actions():
        verbs = getattr(function, "allowed_permissions", ())
        asks = _asked(getattr(admin, f"has_{verbs[0]}_permission")) if verbs else ""
        yield Entry(BUTTONS, f"{name} {title}", asks)


def _topics() -> Iterator[Entry]:
    for noun, topic in live.topics().items():
        yield Entry(TOPICS, f"{noun}:ID", topic.permission)


def _commands() -> Iterator[Entry]:
    ours = {config.name for config in apps.get_app_configs() if _is_ours(config)}
    for name, app in get_commands().items():
        if app in ours:
            command = load_command_class(app, name)
            yield Entry(COMMANDS, f"manage.py {name}: {command.help}", SHELL)


def _is_ours(config: Any) -> bool:
    return "site-packages" not in config.path


class _Listener:
    """Stands for a user who may do everything, and notes what is asked."""

    is_active = is_authenticated = True

    def __init__(self) -> None:
        self.asked: list[str] = []

    @property
    def is_staff(self) -> bool:
        """Say yes."""
        self.asked.append(STAFF)
        return True

    def has_perm(self, permission: str, organization: object = None) -> bool:
        """Say yes."""
        self.asked.append(permission)
        return True


def _asked(ask: Callable[..., bool]) -> str:
    request: Any = HttpRequest()
    request.user, request.organization = _Listener(), object()
    is_allowed = ask(request)
    if not is_allowed:
        return NOBODY
    return str(request.user.asked[0]) if request.user.asked else ""


def _named(permission: str) -> str:
    return STAFF if permission == "staff" else permission


def _admin_of(route: str) -> Any:
    words = route.removeprefix(CONSOLE).split("/")
    for model, admin in _registry().items():
        if words[:2] == [model._meta.app_label, model._meta.model_name]:
            return admin
    return None


def _registry() -> dict[Any, Any]:
    """Return the console's models: its pages know their site."""
    for _, pattern in _patterns(get_resolver().url_patterns, ""):
        if admin := getattr(pattern.callback, "model_admin", None):
            return dict(admin.admin_site._registry)
    return {}


def _patterns(patterns: list[Any], prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for entry in patterns:
        route = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLResolver):
            yield from _patterns(entry.url_patterns, route)
        elif isinstance(entry, URLPattern):
            yield route, entry


def _path(route: str) -> str:
    """Return a route as people write it: `/bots/{bot_id}`."""
    path = str(simplify_regex(route.replace("/?$", "$")))
    if not path.startswith(f"/{CONSOLE}"):
        path = path.rstrip("/") or "/"
    return _CONVERTER.sub("{", path.replace("<", "{").replace(">", "}"))
