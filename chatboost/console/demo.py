"""The demo: one organization with a bot that answers, made once, through the real services."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import module_has_submodule

from chatboost.core import clock
from chatboost.messaging.models import WHATSAPP_KINDS, Channel
from flows.models import Flow
from teams.models import Organization, User
from teams.roles import Role
from teams.services import api_keys, organizations

SLUG = "demo"
EMAIL = "demo@example.com"


@dataclass(frozen=True, slots=True)
class DemoInfo:
    """What a script needs to use the demo; ids are of the first bot and its first flow."""

    base_url: str
    email: str
    password: str
    api_key: str
    organization: str
    bot_id: int
    flow_id: int
    phone_number_id: str
    app_secret: str
    verify_token: str


class NoDemo(Exception):
    """There is no demo in this installation."""


def seed() -> DemoInfo:
    """Make the demo unless it is there; running it again changes nothing."""
    organization = Organization.objects.filter(slug=SLUG).first()
    if organization is None:
        with transaction.atomic():
            organization, secrets_made = _create_organization()
            _seed_rooms(organization)
        # Only now: a password for an organization that was rolled back would be wrong for ever.
        _write(secrets_made)
    else:
        with transaction.atomic():
            _seed_rooms(organization)
    return info()


def info(*, base_url: str | None = None) -> DemoInfo:
    """Return the demo's data. `base_url` is remembered for the next time.

    Raises: NoDemo.
    """
    path = _path()
    organization = Organization.objects.filter(slug=SLUG).first()
    if organization is None or not path.exists():
        raise NoDemo("There is no demo here; `manage.py seed_demo` makes it.")
    stored = json.loads(path.read_text())
    if base_url and stored.get("base_url") != base_url:
        stored["base_url"] = base_url
        _write(stored)
    channel = _channel(organization)
    flow = Flow.objects.for_organization(organization).order_by("id").first()
    return DemoInfo(
        base_url=stored.get("base_url") or settings.PUBLIC_BASE_URL,
        email=EMAIL,
        password=stored["password"],
        api_key=stored["api_key"],
        organization=organization.slug,
        bot_id=channel.bot_id,
        flow_id=flow.pk if flow else 0,
        phone_number_id=channel.external_id,
        app_secret=settings.WHATSAPP_APP_SECRET[0],
        verify_token=settings.WHATSAPP_WEBHOOK_VERIFY_TOKEN,
    )


def as_json(demo: DemoInfo) -> str:
    """Return the demo's data as one JSON object."""
    return json.dumps(asdict(demo), indent=2)


def _create_organization() -> tuple[Organization, dict[str, Any]]:
    password = secrets.token_urlsafe(12)
    owner = User.objects.create_user(EMAIL, password, name="Demo Operator", is_staff=True)
    organization = organizations.create(
        name="Demo company", owner=owner, slug=SLUG, uses_installation_chat=True
    )
    _, api_key = api_keys.create(organization=organization, name="Demo key", role=Role.OWNER, actor=owner)
    return organization, {"password": password, "api_key": api_key}


def _seed_rooms(organization: Organization) -> None:
    """Call each room's `demo.seed`, lower rooms first."""
    for config in apps.get_app_configs():
        if (
            config.module
            and config.name != "chatboost.console"
            and module_has_submodule(config.module, "demo")
        ):
            import_module(f"{config.name}.demo").seed(organization, clock.now())


def _channel(organization: Organization) -> Channel:
    channels = Channel.objects.for_organization(organization).filter(kind__in=WHATSAPP_KINDS)
    return channels.order_by("id")[0]


def _path() -> Path:
    return Path(settings.DATA_DIR) / "demo.json"


def _write(values: dict[str, Any]) -> None:
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(values, file, indent=1)
    draft.replace(path)
