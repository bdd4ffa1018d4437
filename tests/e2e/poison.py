"""Rows of a hostile organization: every text in them tries to run as a script, or to load something."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

from django.db import models
from django.db.models import Model
from django.test import RequestFactory
from django.urls import reverse

from chatboost.console.site import site
from chatboost.messaging.models import Bot, Conversation
from teams.models import Organization, User
from teams.roles import Role
from tests import factories
from tests.console import rows

PASSWORD = "a long password for tests"
# What a payload would call if it ran, and would ask the server for if it loaded something.
CALL = "parent.ran(1)"
PATH = "/xss-canary"

PAYLOADS = (
    f"<script>{CALL}</script>",
    f"</script><script>{CALL}</script>",
    f"</title><script>{CALL}</script>",
    f"</textarea><script>{CALL}</script>",
    f"</style><script>{CALL}</script>",
    f"<img src=x onerror={CALL}>",
    f"<svg onload={CALL}>",
    f"<svg><animate onbegin={CALL} attributeName=x>",
    f"<iframe srcdoc='<script>{CALL}</script>'>",
    f"<details open ontoggle={CALL}>",
    f"<video><source onerror={CALL}>",
    f"<input autofocus onfocus={CALL}>",
    f"<math><mi xlink:href='javascript:{CALL}'>x",
    f"<base href='//example.com/'><script src={PATH}></script>",
    f"<link rel=stylesheet href={PATH}>",
    f"<meta http-equiv=refresh content='0;{PATH}'>",
    f"<form action={PATH}><button autofocus>x",
    f"<object data={PATH}></object>",
    f"<style>@import '{PATH}';</style>",
    f"javascript:{CALL}",
    f"JaVaScRiPt&colon;{CALL}",
    f"data:text/html,<script>{CALL}</script>",
    f'" onmouseover="{CALL}" autofocus onfocus="{CALL}" x="',
    f"' onmouseover='{CALL}' autofocus onfocus='{CALL}' x='",
    f"` onfocus=`{CALL}` autofocus",
    f'"><script>{CALL}</script>',
    f"'><img src=x onerror={CALL}>",
    f"</a><a href='javascript:{CALL}'>x</a>",
    f"<div x-data x-init='{CALL}'>x</div>",
    f'" x-data x-init="{CALL}',
    f"' x-data x-init='{CALL}",
    f"'); {CALL}; ('",
    f"\\'; {CALL}; //",
    f"'-{CALL}-'",
    f'"-{CALL}-"',
    f"${{{CALL}}}",
    f"`${{{CALL}}}`",
    f"{{{{constructor.constructor('{CALL}')()}}}}",
    "{{7*7}}{% debug %}",
    f"<div hx-get='{PATH}' hx-trigger='load'>x</div>",
    f"<div hx-on:load='{CALL}' hx-trigger='load'>x</div>",
    f"<a hx-get='{PATH}' hx-trigger='load' href='#'>x</a>",
    f"<template x-if='{CALL}'><b></b></template>",
    f"--><script>{CALL}</script><!--",
    f"]]><script>{CALL}</script>",
    f"\u2028{CALL}\u2029",
    f"<scr\x01ipt>{CALL}</scr\x01ipt>",
    f"%3Cscript%3E{CALL}%3C/script%3E",
    f"&lt;script&gt;{CALL}&lt;/script&gt;",
    f"&#60;script&#62;{CALL}&#60;/script&#62;",
    f"+ADw-script+AD4-{CALL}+ADw-/script+AD4-",
    f"<noscript><p title='</noscript><img src=x onerror={CALL}>'>",
    f"<select><option><img src=x onerror={CALL}>",
    f"<table background='javascript:{CALL}'>",
    f"<b style='background:url({PATH})'>x</b>",
    f"<x onclick={CALL} tabindex=1 autofocus onfocus={CALL}>x",
    f"<button popovertarget=x onbeforetoggle={CALL}>x",
    f"<body onload={CALL}>",
    f"<embed src='javascript:{CALL}'>",
    f"<a href='vbscript:{CALL}'>x</a>",
)

# Texts that the machine reads: with a payload there would be no such row, or nobody could sign in.
MEANINGFUL = {
    *("slug", "time_zone", "language", "prefix", "secret_hash", "password", "email", "phone", "role"),
    *("kind", "queue", "lane", "state", "status", "type", "session_key", "external_user_id", "purpose"),
    *("permission", "path", "room", "config", "spec", "run_state", "file_uuids", "object_type", "message_id"),
    *("scopes", "request", "dedupe_key", "assets"),
}
SETS = 2

Made = dict[type[Model], Model]


def write() -> None:
    """Write the rows; print the owner's `email` and the `pages` of the console as one line of JSON."""
    organization = factories.organization(name="Globex", slug="globex")
    owner = factories.member(organization, Role.OWNER)
    owner.set_password(PASSWORD)
    owner.name, owner.is_staff = PAYLOADS[0], True
    owner.save()
    taken = itertools.cycle(PAYLOADS)
    made = [_fill(organization, taken) for _ in range(SETS)]
    made[0] |= _rows_of_installation(taken)
    organization.name = PAYLOADS[5]
    organization.save()
    print(json.dumps({"email": owner.email, "pages": list(_pages(owner, organization, made))}))


def _fill(organization: Organization, taken: Iterator[str]) -> Made:
    made = rows.one_of_each(organization, f"Set {next(taken)[:20]}")
    _spoil(made.values(), taken)
    return made


def _rows_of_installation(taken: Iterator[str]) -> Made:
    made = {model: row for model, row in rows.of_installation().items() if "beat" not in model.__module__}
    _spoil(made.values(), taken)
    return made


def _spoil(found: Any, taken: Iterator[str]) -> None:
    """Put the next payload into each text of each row."""
    for row in found:
        fields = [field for field in row._meta.concrete_fields if _is_text(field)]
        told = {field.attname: _hostile(field, taken) for field in fields}
        if told:
            type(row)._base_manager.filter(pk=row.pk).update(**told)


def _is_text(field: Any) -> bool:
    is_text = isinstance(field, models.CharField | models.TextField | models.JSONField)
    return is_text and not field.choices and field.name not in MEANINGFUL


def _hostile(field: Any, taken: Iterator[str]) -> Any:
    """Return a payload that fits the column, or JSON whose every key and text is one."""
    if isinstance(field, models.JSONField):
        kind = field.get_default()
        if isinstance(kind, list):
            return [next(taken), next(taken)]
        return {next(taken): next(taken), "text": next(taken), "list": [next(taken), {next(taken): None}]}
    longest = field.max_length or 10_000
    return next((each for each in itertools.islice(taken, len(PAYLOADS)) if len(each) <= longest), "<b>")


def _pages(owner: User, organization: Organization, made: list[Made]) -> Iterator[str]:
    """Yield every page of the console that the owner may open and that belongs to these rows."""
    request: Any = RequestFactory().get("/admin/")
    request.user, request.organization = owner, organization
    yield from (reverse("admin:index"), reverse("admin:settings"))
    for model, admin in site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        if admin.search_fields:
            yield f"{reverse(f'{name}_changelist')}?q=%22%3E%3Cscript%3E{CALL}%3C/script%3E"
        if admin.has_add_permission(request):
            yield reverse(f"{name}_add")
        found = [one[model] for one in made if model in one]
        yield from (reverse(f"{name}_change", args=[row.pk]) for row in found)
        if found and admin.has_delete_permission(request, found[0]):
            yield reverse(f"{name}_delete", args=[found[0].pk])
    for one in made:
        for page, shown in (("messaging_bot_chat", Bot), ("messaging_conversation_thread", Conversation)):
            yield reverse(f"admin:{page}", args=[one[shown].pk])
