"""Settings per organization: typed, with defaults, tolerant of old rows, checked and audited."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any

import pytest

from chatboost.core import preferences
from chatboost.core.errors import Conflict, ValidationFailed
from chatboost.core.models import AuditEntry, OrganizationSettings
from chatboost.core.preferences import registry, setting
from teams.models import User

pytestmark = pytest.mark.django_db


@dataclass(frozen=True, slots=True)
class Shop:
    """One setting of each type."""

    is_open: bool = setting(True, label="Open")
    limit: int = setting(10, label="Limit", min=1, max=100)
    motto: str = setting("", label="Motto", max=20)
    language: str = setting("en", label="Language", choices=[("en", "English"), ("de", "German")])
    opens_at: time = setting(time(9), label="Opens at")
    pause: timedelta = setting(timedelta(minutes=5), label="Pause", max=timedelta(days=1))
    words: list[str] = setting([], label="Words", max=3)


@pytest.fixture(autouse=True)
def _declared() -> Iterator[None]:
    known = dict(registry._rooms)
    preferences.declare("shop", Shop, title="Shop")
    yield
    registry._rooms.clear()
    registry._rooms.update(known)


def change(**changes: Any) -> Shop:
    return preferences.change(organization_id=1, type=Shop, actor=None, **changes)


def store(values: dict[str, Any], organization_id: int = 1) -> None:
    OrganizationSettings.objects.create(organization_id=organization_id, room="shop", values=values)


def test_settings_never_set_are_the_defaults() -> None:
    assert preferences.get(1, Shop) == Shop()


def test_changed_settings_are_read_back_in_their_types() -> None:
    wanted = {
        "is_open": False,
        "limit": 50,
        "motto": "Grüße",
        "language": "de",
        "opens_at": time(8, 30),
        "pause": timedelta(hours=2, seconds=1),
        "words": ["a", "b"],
    }
    assert change(**wanted) == Shop(**wanted)
    assert preferences.get(1, Shop) == Shop(**wanted)


def test_change_leaves_other_settings_and_organizations_alone() -> None:
    change(limit=50)
    change(motto="Hi")
    assert preferences.get(1, Shop) == Shop(limit=50, motto="Hi")
    assert preferences.get(2, Shop) == Shop()


def test_many_organizations_cost_one_query(django_assert_num_queries: Any) -> None:
    change(limit=50)
    with django_assert_num_queries(1):
        found = preferences.get_many([1, 2, 2, 3], Shop)
    assert found == {1: Shop(limit=50), 2: Shop(), 3: Shop()}


def test_organizations_that_have_set_something_cost_one_query(django_assert_num_queries: Any) -> None:
    change(limit=50)
    with django_assert_num_queries(1):
        assert preferences.set_by_organization(Shop) == {1: Shop(limit=50)}


@pytest.mark.parametrize(
    "stored",
    [
        {"limit": "many"},
        {"limit": 1000},
        {"limit": None},
        {"limit": True},
        {"language": "tlh"},
        {"opens_at": "half past"},
        {"pause": "long"},
        {"pause": 1e300},
        {"words": "abc", "limit": 10},
        {"words": [1, 2]},
        {"is_open": 1},
        {"gone": "with the wind"},
    ],
)
def test_stored_value_that_does_not_fit_any_more_counts_as_the_default(stored: dict[str, Any]) -> None:
    store(stored)
    assert preferences.get(1, Shop) == Shop()


def test_change_keeps_stored_values_that_this_version_does_not_know() -> None:
    store({"gone": "with the wind"})
    change(limit=50)
    assert OrganizationSettings.objects.get().values == {"gone": "with the wind", "limit": 50}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"limit": 0}, "At least 1."),
        ({"limit": 101}, "At most 100."),
        ({"limit": "5"}, "Not a whole number."),
        ({"limit": True}, "Not a whole number."),
        ({"is_open": 1}, "Not yes or no."),
        ({"motto": "x" * 21}, "At most 20 characters."),
        ({"language": "tlh"}, "Choose one of: en, de."),
        ({"opens_at": "09:00"}, "Not a time of day."),
        ({"pause": timedelta(days=2)}, "At most 1 day, 0:00:00."),
        ({"words": ["a", "b", "c", "d"]}, "At most 3 entries."),
        ({"words": ["a", 1]}, "Not a list of texts."),
        ({"colour": "red"}, "There is no such setting."),
    ],
)
def test_change_that_breaks_a_rule_is_refused_by_field(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        change(is_open=False, **changes) if "is_open" not in changes else change(**changes)
    assert refused.value.errors == {next(iter(changes)): [words]}
    assert preferences.get(1, Shop) == Shop()


def test_change_is_audited_with_before_and_after(editor: User) -> None:
    preferences.change(organization_id=3, type=Shop, actor=editor, limit=50, motto="")
    entry = AuditEntry.objects.get(verb="settings.changed")
    assert (entry.actor_id, entry.organization_id, entry.object_label) == (editor.pk, 3, "shop")
    assert entry.changes == {"limit": [10, 50]}


def test_change_of_nothing_is_no_change() -> None:
    change(limit=10)
    assert not AuditEntry.objects.exists()
    assert preferences.version_of(1, Shop) == 0


def test_change_on_an_old_version_is_refused() -> None:
    change(limit=20)
    seen = preferences.version_of(1, Shop)
    change(limit=30)
    with pytest.raises(Conflict) as refused:
        change(limit=40, version=seen)
    assert refused.value.code == "settings_changed"
    assert preferences.get(1, Shop).limit == 30


@pytest.mark.parametrize("changed_before", [False, True])
def test_change_on_the_version_seen_is_taken(changed_before: bool) -> None:
    if changed_before:
        change(limit=20)
    seen = preferences.version_of(1, Shop)
    assert change(limit=40, version=seen).limit == 40
    assert preferences.version_of(1, Shop) == seen + 1


def test_undeclared_type_is_a_bug() -> None:
    @dataclass(frozen=True)
    class Other:
        a: int = 1

    with pytest.raises(KeyError):
        preferences.get(1, Other)


def test_declaring_twice_is_a_bug() -> None:
    with pytest.raises(ValueError, match="twice"):
        preferences.declare("shop", Shop, title="Shop")


@pytest.mark.parametrize(
    ("type_", "default", "error"), [(float, 1.0, TypeError), (int, 200, ValueError), (str, 5, ValueError)]
)
def test_declaring_what_no_setting_can_be_is_a_bug(type_: Any, default: Any, error: type[Exception]) -> None:
    wrong = dataclass(frozen=True)(
        type(
            "Wrong", (), {"__annotations__": {"field": type_}, "field": setting(default, label="x", max=100)}
        )
    )
    with pytest.raises(error):
        preferences.declare("wrong", wrong, title="Wrong")


def test_a_setting_called_like_an_argument_is_a_bug() -> None:
    @dataclass(frozen=True)
    class Wrong:
        version: int = setting(1, label="Version")

    with pytest.raises(ValueError, match="version"):
        preferences.declare("wrong", Wrong, title="Wrong")
