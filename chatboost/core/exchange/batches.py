"""Rows on their way from a file: some thousand at a time, all of the same columns. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from chatboost.core.exchange import limits
from chatboost.core.exchange.errors import FileRefused


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that could not be read as one; `number` is where a spreadsheet shows it."""

    number: int
    cells: list[str]
    error: str


@dataclass(slots=True)
class Batch:
    """Rows as texts, each as long as `columns`; `numbers` are their places in the spreadsheet, from 1.

    `is_guarded` says that a quote in front of a formula is none of the text's own.
    """

    columns: tuple[str, ...]
    numbers: list[int] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    size: int = 0
    is_guarded: bool = True

    @property
    def is_full(self) -> bool:
        """Whether it is time to hand it on."""
        count = len(self.rows) + len(self.broken)
        return (
            count >= limits.BATCH_ROWS
            or count * len(self.columns) >= limits.BATCH_CELLS
            or self.size >= limits.BATCH_SIZE
        )

    def add(self, number: int, cells: list[str]) -> None:
        """Take a row: a short one is filled up, a blank one left out, one that does not fit is broken."""
        width = len(self.columns)
        if len(cells) != width:
            rest = cells[width:]
            if any(rest):
                self.refuse(number, cells[:width], f"There are {len(cells)} cells for {width} columns.")
                return
            cells = [*cells[:width], *[""] * (width - len(cells))]
        if any(cells):
            self.numbers.append(number)
            self.rows.append(cells)

    def refuse(self, number: int, cells: list[str], error: str) -> None:
        """Note a row that can't be read."""
        self.broken.append(Broken(number, [cell[: limits.MAX_HEADING] for cell in cells], error))


def headings(cells: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that a first row names; cells that are empty to the end of it don't count.

    Raises: FileRefused (`empty_file, too_many_columns, missing_heading, duplicate_heading,
    heading_too_long`).
    """
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise FileRefused("The first row names no columns.", code="empty_file")
    require_few(len(names))
    if (nameless := next((place for place, name in enumerate(names, 1) if not name), None)) is not None:
        raise FileRefused(f"Column {nameless} has no heading.", code="missing_heading")
    if longest := next((name for name in names if len(name) > limits.MAX_HEADING), None):
        raise FileRefused(f"The heading “{longest[:40]}…” is too long.", code="heading_too_long")
    if broken := next((name for name in names if not name.isprintable()), None):
        raise FileRefused(f"The heading {broken[:40]!r} holds a control character.", code="missing_heading")
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            raise FileRefused(f"Two columns are called “{name}”.", code="duplicate_heading")
        seen.add(name.casefold())
    return tuple(names)


def require_few(count: int) -> None:
    """Refuse more columns than a table of ours can have. Raises: FileRefused (`too_many_columns`)."""
    if count > limits.MAX_COLUMNS:
        raise FileRefused(
            f"There are {count:,} columns; {limits.MAX_COLUMNS} are possible.", code="too_many_columns"
        )
