"""The statements of a claim, for both databases."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Statement = tuple[str, list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a claim looks for. `now` is as the database wants it; `kinds` None means all."""

    queue: str
    now: Any
    kinds: Sequence[str] | None
    suspect: bool

    @property
    def condition(self) -> str:
        """The part of WHERE about one item `w`, beside queue and organization."""
        only = "" if self.kinds is None else f" AND w.kind IN ({_marks(self.kinds)})"
        return f"w.run_at <= %s AND w.crash_count {'> 0' if self.suspect else '= 0'}{only}"

    @property
    def parameters(self) -> list[Any]:
        """The values of `condition`."""
        return [self.now, *(self.kinds or ())]


# A loose scan: from one organization to the next by the claim index, round the circle until the first comes
# again, which UNION drops and so ends it.
_CIRCLE = """
WITH RECURSIVE circle(organization_id) AS (
  SELECT COALESCE(
    (SELECT w.organization_id FROM core_workitem w WHERE w.state = 'ready' AND w.queue = %s
       AND w.organization_id > %s ORDER BY w.organization_id LIMIT 1),
    (SELECT w.organization_id FROM core_workitem w WHERE w.state = 'ready' AND w.queue = %s
       ORDER BY w.organization_id LIMIT 1))
  UNION
  SELECT COALESCE(
    (SELECT w.organization_id FROM core_workitem w WHERE w.state = 'ready' AND w.queue = %s
       AND w.organization_id > circle.organization_id ORDER BY w.organization_id LIMIT 1),
    (SELECT w.organization_id FROM core_workitem w WHERE w.state = 'ready' AND w.queue = %s
       ORDER BY w.organization_id LIMIT 1))
  FROM circle WHERE circle.organization_id IS NOT NULL
)"""

_ORGANIZATIONS = f"{_CIRCLE} SELECT organization_id FROM circle LIMIT %s"  # noqa: S608 only constants

# PostgreSQL looks and leases in one statement. MATERIALIZED: what is locked must be looked for once.
_TAKE = """
{circle},
asked AS MATERIALIZED (SELECT organization_id FROM circle WHERE organization_id IS NOT NULL LIMIT %s),
heads AS MATERIALIZED (
  SELECT head.id FROM asked, LATERAL ({head} FOR UPDATE OF w SKIP LOCKED) head LIMIT {most}
)
{lease}, (SELECT array_agg(organization_id) FROM asked)
"""

# Each organization's share of a claim, rounded up.
_SHARE = "(SELECT (%s + count(*) - 1) / NULLIF(count(*), 0) FROM asked)"

# A head's lane has no leased item, and no older open one. The first half also matters when an item with a
# smaller id commits late, or is promoted while a newer one runs. It comes first because PostgreSQL hashes the
# few leased lanes, which spares the lines behind them a look into the index.
_HEADS = """
SELECT w.id FROM core_workitem w
WHERE w.state = 'ready' AND w.queue = %s AND w.organization_id = {organization} AND {condition}
  AND (w.lane IS NULL OR (
    NOT EXISTS (SELECT 1 FROM core_workitem o WHERE o.lane = w.lane AND o.state = 'leased')
    AND NOT EXISTS (SELECT 1 FROM core_workitem o
                    WHERE o.lane = w.lane AND o.id < w.id AND o.state IN ('ready', 'leased'))))
ORDER BY w.priority, w.id LIMIT {share}
"""

# By their ids alone, in an array: from a guess at how many are ready, in a table that fills and empties,
# the planner would read the whole of it. Their locks keep them ready.
_LOCKED_HEADS = "id = ANY(ARRAY(SELECT id FROM heads))"

_HEADS_OF_ONE = "SELECT id FROM ({head})"

_LEASE = """
UPDATE core_workitem SET state = 'leased', token = %s, lease_until = %s
WHERE {which}
RETURNING id, kind, subject_id, organization_id, lane, error_count, crash_count
"""


def organizations(look: Look, after: int, limit: int) -> Statement:
    """Ask for the organizations with ready items in the queue, in a circle that begins behind `after`.

    One row of NULL means none.
    """
    return _ORGANIZATIONS, [*_places(look, after), limit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a claim takes: about `items`, shared by up to so many `organizations`; or a single one."""

    items: int
    organizations: int
    is_single: bool


def take(look: Look, after: int, limits: Limits, token: str, until: Any) -> Statement:
    """Lease lane heads of the organizations behind `after`, the same share of each (PostgreSQL).

    Returns their rows as `lease` does, each with the list of the organizations that were asked.
    """
    head = _HEADS.replace("{organization}", "asked.organization_id").replace("{share}", _SHARE)
    sql = (
        _TAKE.replace("{circle}", _CIRCLE)
        .replace("{head}", head.replace("{condition}", look.condition))
        .replace("{most}", "1" if limits.is_single else "ALL")
        .replace("{lease}", _LEASE.replace("{which}", _LOCKED_HEADS))
    )
    condition = [look.queue, *look.parameters]
    return sql, [*_places(look, after), limits.organizations, *condition, limits.items, token, until]


def heads(look: Look, organization_ids: Sequence[int], share: int) -> Statement:
    """Ask for the ids of up to `share` lane heads of each organization."""
    own = _HEADS.replace("{condition}", look.condition).replace("{share}", str(int(share)))
    values = [look.queue, *look.parameters]
    ids = [int(number) for number in organization_ids]
    each = [_HEADS_OF_ONE.replace("{head}", own.replace("{organization}", str(number))) for number in ids]
    return " UNION ALL ".join(each), values * len(ids)


def lease(ids: Sequence[int], token: str, until: Any) -> Statement:
    """Lease these items, and return their rows."""
    return _LEASE.replace("{which}", f"state = 'ready' AND id IN ({_marks(ids)})"), [token, until, *ids]


def any_suspect(look: Look) -> Statement:
    """Ask for one item that crashed a worker and is due again."""
    sql = "SELECT 1 FROM core_workitem w WHERE w.state = 'ready' AND w.queue = %s AND "
    return sql + look.condition + " LIMIT 1", [look.queue, *look.parameters]


def _places(look: Look, after: int) -> list[Any]:
    """Return the values of the circle."""
    return [look.queue, after, look.queue, look.queue, look.queue]


def _marks(values: Sequence[Any]) -> str:
    return ", ".join(["%s"] * len(values))
