"""Looking for relations that cross organizations, which no constraint of SQLite could refuse."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.apps import apps
from django.db.models import F, Model

from chatboost.core import jobs
from chatboost.core.errors import DomainError
from chatboost.core.models import Job, OrganizationModel

logger = structlog.get_logger(__name__)

# Rows of one look: on SQLite it holds the write lock for as long.
ROWS_AT_ONCE = 20_000
MAX_NAMED = 20
# The installation's own jobs belong to no organization.
INSTALLATION = 0


class CrossingsFound(DomainError):
    """Rows of one organization point at rows of another."""

    default_code = "tenancy_crossed"


@dataclass(frozen=True, slots=True)
class Relation:
    """A foreign key from one organization's row to another row of it."""

    model: type[Model]
    field: str

    def __str__(self) -> str:
        return f"{self.model._meta.label}.{self.field}"

    def crossings(self, *, first: int = 0, last: int | None = None) -> list[int]:
        """Return the ids, in this range, of rows that point into another organization; 20 at most."""
        rows = self.model._base_manager.filter(pk__gte=first).exclude(**{f"{self.field}__isnull": True})
        if last is not None:
            rows = rows.filter(pk__lte=last)
        wrong = rows.exclude(**{f"{self.field}__organization_id": F("organization_id")})
        return list(wrong.order_by("pk").values_list("pk", flat=True)[:MAX_NAMED])


def relations() -> list[Relation]:
    """Return every relation that must stay inside an organization."""
    return list(_relations())


def find() -> dict[str, list[int]]:
    """Return the ids of rows that cross, by relation; nothing when all is well. One query a relation."""
    found = {str(relation): relation.crossings() for relation in relations()}
    return {name: ids for name, ids in found.items() if ids}


def _relations() -> Iterator[Relation]:
    for model in apps.get_models():
        if issubclass(model, OrganizationModel):
            for field in model.scoped_relations():
                yield Relation(model, field.name)


class CheckKind(jobs.JobKind):
    """Looks at every relation, a range of ids at a time. Fails when it has found something."""

    name = "core.check_tenancy"
    title = "Check that organizations are kept apart"

    def plan(self, job: Job) -> int:
        """Count the relations."""
        return len(relations())

    def step(self, job: Job) -> bool:
        """Look at the next range of a relation. Raises: CrossingsFound at the end, when there are any."""
        all_of_them = relations()
        place, first = job.cursor.get("relation", 0), job.cursor.get("first", 0)
        if place >= len(all_of_them):
            return True
        relation = all_of_them[place]
        last = last_of_range(relation.model, first)
        self._note(job, str(relation), relation.crossings(first=first, last=last))
        if last is None:
            jobs.count(job, done=1)
            place += 1
        job.cursor.update(relation=place, first=0 if last is None else last + 1)
        if place < len(all_of_them):
            return False
        self._tell(job.result.get("crossings", {}))
        return True

    @staticmethod
    def _tell(found: dict[str, list[int]]) -> None:
        if found:
            logger.error("tenancy_crossed", relations=sorted(found))
            named = ", ".join(f"{name} of {ids}" for name, ids in sorted(found.items()))
            raise CrossingsFound(f"Rows point into another organization: {named}")

    @staticmethod
    def _note(job: Job, name: str, ids: list[int]) -> None:
        if ids:
            found = job.result.setdefault("crossings", {})
            found[name] = [*found.get(name, []), *ids][:MAX_NAMED]


def check_nightly(now: datetime) -> bool:
    """Start the check, as a tick."""
    jobs.start(organization_id=INSTALLATION, actor=None, kind=CheckKind.name, input={})
    return False


def last_of_range(model: type[Model], first: int) -> int | None:
    """Return the id that ends a range of rows, counted since ids have gaps; None for the last range."""
    ids = model._base_manager.filter(pk__gte=first).order_by("pk").values_list("pk", flat=True)
    return ids[ROWS_AT_ONCE - 1 : ROWS_AT_ONCE].first()


jobs.register(CheckKind())
