"""What an import would do with the first rows of a file. Nothing is written, nothing read to its end."""

from contextlib import closing
from dataclasses import dataclass
from typing import IO, Any, Final

from chatboost.core.exchange import staging
from chatboost.core.exchange.resources import Difference, OrganizationResource, Rejected

ROWS: Final = 500
"""How many rows are looked at."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What was seen: columns with their meaning, rows with what they would do, rows that are rejected."""

    format: str
    columns: dict[str, str | None]
    differences: list[Difference]
    rejected: list[Rejected]
    is_whole: bool

    @property
    def counts(self) -> dict[str, int]:
        """How many rows do what."""
        actions = [difference.action for difference in self.differences]
        counts = {name: actions.count(name) for name in ("create", "update", "nothing")}
        return counts | {"rejected": len(self.rejected)}


def look(stream: IO[bytes], resource: OrganizationResource, options: staging.Options) -> Preview:
    """Read and clean the first rows, and compare them with what is there. Raises: FileRefused."""
    cleaning = staging.Cleaning(resource, stream, options)
    differences: list[Difference] = []
    rejected: list[Rejected] = []
    is_whole = True
    with closing(cleaning.chunks()) as chunks:
        for chunk, refusals in chunks:
            left = ROWS - len(differences) - len(rejected)
            if left <= 0 or len(chunk.numbers) + len(refusals) > left:
                is_whole = False
            differences += resource.compare(chunk.keep(range(min(left, len(chunk.numbers)))))
            rejected += refusals[:left]
            if not is_whole:
                break
    return Preview(
        format=cleaning.table.format,
        columns=cleaning.plan.meanings() if cleaning.plan else {},
        differences=differences,
        rejected=rejected,
        is_whole=is_whole,
    )


def as_json(difference: Difference) -> dict[str, Any]:
    """Return a difference as a program reads it."""
    changes = {name: {"old": old, "new": new} for name, (old, new) in difference.changes.items()}
    return {"row": difference.row, "key": difference.key, "action": difference.action, "changes": changes}
