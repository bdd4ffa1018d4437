"""`/metrics`: Prometheus' text, read from the database at each scrape, so every process tells the same.

A room adds a figure of its own with `register`. No figure is split by organization.
"""

import hmac
import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Max
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from chatboost.core import clock, pulse
from chatboost.core.api import problems
from chatboost.core.api.access import open_to
from chatboost.core.models import Job, JobState, TickRun, WorkItem, WorkState
from chatboost.core.work import lag

# What a proxy adds: then REMOTE_ADDR is the proxy's, and says nothing about who asks.
_FORWARDED = (
    *("HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP"),
    *("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST"),
)


@dataclass(frozen=True, slots=True)
class _Figure:
    help: str
    read: Callable[[], float]


_figures: dict[str, _Figure] = {}


def register(name: str, help: str, read: Callable[[], float]) -> None:
    """Add a gauge `chatboost_{name}`; `read` is called at each scrape and costs a query at most.

    Raises: ValueError when the name is taken.
    """
    if name in _figures:
        raise ValueError(f"the metric {name} is registered already")
    _figures[name] = _Figure(help, read)


@open_to("the bearer of METRICS_TOKEN, or this machine")
@require_safe
@never_cache
def serve(request: HttpRequest) -> HttpResponse:
    """Answer the figures to whoever holds METRICS_TOKEN; without a token, to this machine alone."""
    if settings.METRICS_TOKEN:
        if not _holds_token(request):
            return _unauthorized(request)
    elif not _is_local(request):
        return problems.response(request, status=404, code="not_found", detail="Not found.")
    return HttpResponse(generate_latest(_registry), content_type=CONTENT_TYPE_LATEST)


def _unauthorized(request: HttpRequest) -> HttpResponse:
    detail = "Send METRICS_TOKEN as a bearer token."
    answer = problems.response(request, status=401, code="invalid_metrics_token", detail=detail)
    answer["WWW-Authenticate"] = "Bearer"
    return answer


def _holds_token(request: HttpRequest) -> bool:
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    is_same = hmac.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())
    return is_same and scheme.lower() == "bearer"


def _is_local(request: HttpRequest) -> bool:
    if any(header in request.META for header in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR") or "").is_loopback
    except ValueError:
        return False


class _Installation(Collector):
    """The figures of the whole installation. Seven queries, and one for each registered figure."""

    def collect(self) -> Iterator[Metric]:
        """Read them."""
        now = clock.now()
        yield InfoMetricFamily(
            "chatboost_build", "What runs here.", {"version": str(settings.SPECTACULAR_SETTINGS["VERSION"])}
        )
        yield from _work(now)
        yield _dead()
        yield _open_jobs()
        yield _ticks(now)
        yield _events()
        yield _heartbeats(now)
        for name, figure in sorted(_figures.items()):
            yield GaugeMetricFamily(f"chatboost_{name}", figure.help, figure.read())


def _work(now: datetime) -> Iterator[Metric]:
    items = GaugeMetricFamily("chatboost_work_items", "Work items.", labels=["queue", "state"])
    age = GaugeMetricFamily(
        "chatboost_work_oldest_ready_age_seconds",
        "How long the oldest one waits that could run.",
        labels=["queue"],
    )
    rows = WorkItem.objects.values_list("queue", "state").annotate(Count("id"))
    counts = {(queue, state): count for queue, state, count in rows.order_by()}
    ages = lag.ages(now)
    # Queues that are empty say so: an alert needs a zero, not a gap.
    for queue in sorted({*settings.WORK_QUEUES, *(queue for queue, _ in counts)}):
        for state in WorkState:
            items.add_metric([queue, state.value], counts.get((queue, state), 0))
        age.add_metric([queue], _seconds(ages.get(queue, timedelta())))
    yield items
    yield age


def _dead() -> Metric:
    dead = GaugeMetricFamily("chatboost_work_dead_items", "Dead letters.", labels=["kind"])
    rows = WorkItem.objects.filter(state=WorkState.DEAD).values_list("kind").annotate(Count("id"))
    for kind, count in rows.order_by("kind"):
        dead.add_metric([kind], count)
    return dead


def _open_jobs() -> Metric:
    jobs = GaugeMetricFamily("chatboost_jobs", "Jobs that have not ended.", labels=["state"])
    rows = Job.objects.filter(finished_at=None).values_list("state").annotate(Count("id"))
    counts = dict(rows.order_by("state"))
    for state in (JobState.QUEUED, JobState.RUNNING):
        jobs.add_metric([state.value], counts.get(state, 0))
    return jobs


def _ticks(now: datetime) -> Metric:
    ticks = GaugeMetricFamily("chatboost_tick_age_seconds", "Since the tick last fired.", labels=["name"])
    for name, fired_at in TickRun.objects.values_list("name").annotate(Max("fired_at")).order_by("name"):
        ticks.add_metric([name], _seconds(now - fired_at))
    return ticks


def _events() -> Metric:
    events = CounterMetricFamily("chatboost_events", "Rare events, since the beginning.", labels=["event"])
    for name, value in sorted(pulse.values().items()):
        events.add_metric([name], value)
    return events


def _heartbeats(now: datetime) -> Metric:
    ages = GaugeMetricFamily("chatboost_heartbeat_age_seconds", "Since the last round.", labels=["part"])
    for name, age in sorted(pulse.ages(now).items()):
        ages.add_metric([name], _seconds(age))
    return ages


def _seconds(age: timedelta) -> float:
    return max(age.total_seconds(), 0)


# It describes nothing ahead of time: that would ask the database at import.
_registry = CollectorRegistry(auto_describe=False)
_registry.register(_Installation())
