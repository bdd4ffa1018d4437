"""Bulk actions: one decision about many rows, asked again before it is carried out.

    list --(POST)--> question: how many rows, what happens --(POST)--> a few at once, many as a job

Every row goes through the same service as from its own page, which also writes the audit log. What a service
refuses is said row by row; the others are done all the same.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from django.apps import apps
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.module_loading import autodiscover_modules
from django.utils.text import capfirst

from chatboost.core import jobs
from chatboost.core.admin import registry
from chatboost.core.admin.scoping import INSTALLATION, is_allowed, organization_of
from chatboost.core.errors import DomainError, Forbidden, NotFound
from chatboost.core.models import Job

JOB_KIND = "core.bulk"

# More than this at once is a mistake more often than a wish.
MAX_ROWS = 10_000
# Up to here a person waits for the answer; beyond it a job does the work.
AT_ONCE = 100
# A job's chunk: on SQLite nobody else writes meanwhile.
CHUNK = 20
# How many rows the question names, and how many refusals are kept.
NAMED, KEPT_REFUSALS = 10, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkAction:
    """An entry of a list's menu of actions.

    `run(row, actor)` calls a service; it returns False for a row that was that way already, and raises
    DomainError for one that it refuses. `confirm` says in a sentence or two what will happen. `permission` is
    asked in full (`triggers.change_trigger`).
    """

    name: str
    label: str
    permission: str
    confirm: str
    run: Callable[[Any, Any], object]
    is_dangerous: bool = False


@dataclass(slots=True)
class Outcome:
    """What became of some rows. `refused` holds pairs: the row's name, the reason."""

    done: int = 0
    unchanged: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)


@transaction.atomic
def apply(action: BulkAction, rows: Iterable[Model], actor: Any) -> Outcome:
    """Carry an action out for each row; all of it commits, or, when something unforeseen happens, nothing."""
    outcome = Outcome()
    for row in rows:
        try:
            with transaction.atomic():
                is_changed = action.run(row, actor) is not False
        except DomainError as refusal:
            outcome.refused.append((str(row), refusal.message))
        else:
            outcome.done += is_changed
            outcome.unchanged += not is_changed
    return outcome


class BulkActions:
    """Mixin for ModelAdmin: offers `bulk_actions` in the list's menu to whoever holds their permission."""

    bulk_actions: ClassVar[Sequence[BulkAction]] = ()
    max_bulk_rows: ClassVar[int] = MAX_ROWS
    model: type[Model]

    def get_actions(self, request: HttpRequest) -> dict[str, tuple[Any, str, str]]:
        """Add the bulk actions of this role."""
        found: dict[str, tuple[Any, str, str]] = super().get_actions(request)  # type: ignore[misc]
        own = {
            action.name: (partial(_respond, action=action), action.name, action.label)
            for action in self.bulk_actions
            if is_allowed(request, action.permission)
        }
        return {**found, **own}


class BulkJob(jobs.JobKind):
    """Carries an action out for many rows, a few in each transaction."""

    name = JOB_KIND
    title = "Action on many rows"

    def describe(self, job: Job) -> str:
        """Say which action, on what."""
        return str(job.input.get("title") or self.title)

    def plan(self, job: Job) -> int:
        """Count the rows that were chosen."""
        return len(job.input["ids"])

    def step(self, job: Job) -> bool:
        """Do the next few rows. Whoever asked must still be allowed to."""
        model, action = _find(job.input["model"], job.input["action"])
        actor = _actor(job, action)
        start = int(job.cursor.get("next", 0))
        ids = job.input["ids"][start : start + CHUNK]
        # Rows of the installation were chosen only by its staff, who must still be that.
        owners = [job.organization_id, *([INSTALLATION] if actor.is_staff else [])]
        rows = model._default_manager.filter(organization_id__in=owners, pk__in=ids).order_by("pk")
        outcome = apply(action, rows, actor)
        jobs.count(job, done=len(ids) - len(outcome.refused), failed=len(outcome.refused))
        job.result = _added(job.result, outcome, gone=len(ids) - len(rows))
        job.cursor = {"next": start + len(ids)}
        return start + CHUNK >= len(job.input["ids"])


def _respond(admin: Any, request: HttpRequest, queryset: QuerySet[Any], *, action: BulkAction) -> Any:
    """Ask, or do what was asked for; None leads back to the list."""
    if not is_allowed(request, action.permission):
        raise PermissionDenied
    if "confirmed" not in request.POST:
        return _ask(admin, request, queryset, action)
    ids = _chosen(request, queryset)
    if len(ids) > AT_ONCE:
        return _start(admin, request, ids, action)
    _tell(request, admin.opts, action, apply(action, queryset.filter(pk__in=ids), request.user))
    return None


def _ask(
    admin: Any, request: HttpRequest, queryset: QuerySet[Any], action: BulkAction
) -> HttpResponse | None:
    most = admin.max_bulk_rows
    ids = list(queryset.order_by("pk").values_list("pk", flat=True)[: most + 1])
    if len(ids) > most:
        messages.error(
            request, f"More than {most:,} rows match. Narrow the list down by a filter, then try again."
        )
        return None
    if not ids:
        messages.warning(request, "None of these rows is there any more.")
        return None
    context = {
        **admin.admin_site.each_context(request),
        "title": f"{action.label}: {_rows(len(ids), admin.opts)}",
        "action": action,
        "count": len(ids),
        "named": [getattr(admin, "row_title", str)(row) for row in queryset.filter(pk__in=ids[:NAMED])],
        "more": max(len(ids) - NAMED, 0),
        "is_job": len(ids) > AT_ONCE,
        "ids": ",".join(map(str, ids)),
        "first_id": ids[0],
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "list_url": request.get_full_path(),
        "breadcrumbs": [
            (admin.list_title or capfirst(admin.opts.verbose_name_plural), request.get_full_path())
        ],
    }
    request.current_app = admin.admin_site.name
    return TemplateResponse(request, "core/bulk_action.html", context)


def _chosen(request: HttpRequest, queryset: QuerySet[Any]) -> list[int]:
    """Return those of the confirmed rows that the visitor has, and that still match."""
    words = request.POST.get("ids", "").split(",")[:MAX_ROWS]
    ids = [int(word) for word in words if word.isascii() and word.isdigit() and len(word) < 19]
    return list(queryset.filter(pk__in=ids).order_by("pk").values_list("pk", flat=True))


def _start(admin: Any, request: HttpRequest, ids: Sequence[int], action: BulkAction) -> HttpResponse:
    title = f"{action.label}: {_rows(len(ids), admin.opts)}"
    job = jobs.start(
        organization_id=organization_of(request).pk,
        actor=request.user,
        kind=JOB_KIND,
        input={"model": admin.opts.label_lower, "action": action.name, "ids": list(ids), "title": title},
    )
    messages.info(request, "This runs in the background: you may leave the page.")
    return HttpResponseRedirect(reverse("admin:core_job_change", args=[job.pk]))


def _tell(request: HttpRequest, opts: Any, action: BulkAction, outcome: Outcome) -> None:
    if outcome.done:
        messages.success(request, f"{action.label}: {_rows(outcome.done, opts)} done.")
    if outcome.unchanged:
        messages.info(request, f"{_rows(outcome.unchanged, opts)} left as before: there was nothing to do.")
    for name, reason in outcome.refused[:NAMED]:
        messages.error(request, f"{name}: {reason}")
    if (more := len(outcome.refused) - NAMED) > 0:
        messages.error(request, f"{_rows(more, opts)} more were refused.")


def _rows(count: int, opts: Any) -> str:
    return f"{count:,} {opts.verbose_name if count == 1 else opts.verbose_name_plural}"


def _find(label: str, name: str) -> tuple[type[Model], BulkAction]:
    # A worker has not loaded any pages until now.
    autodiscover_modules("admin")
    model = apps.get_model(label)
    actions: Sequence[BulkAction] = getattr(registry.registered()[model], "bulk_actions", ())
    found = next((action for action in actions if action.name == name), None)
    if found is None:
        raise NotFound(f"There is no action “{name}” any more.")
    return model, found


def _actor(job: Job, action: BulkAction) -> Any:
    user = get_user_model()._default_manager.filter(pk=job.actor_id or 0).first()
    organization = apps.get_model("teams.Organization")._default_manager.get(pk=job.organization_id)
    if user is None or not user.has_perm(action.permission, organization):
        raise Forbidden("Whoever started this may not do it any more.")
    return user


def _added(result: dict[str, Any], outcome: Outcome, *, gone: int) -> dict[str, Any]:
    """Return a job's result with a chunk's outcome added."""
    refused = [*result.get("refused", []), *map(list, outcome.refused)]
    return {
        "done": result.get("done", 0) + outcome.done,
        "left as before": result.get("left as before", 0) + outcome.unchanged + gone,
        "refused": refused[:KEPT_REFUSALS],
    }
