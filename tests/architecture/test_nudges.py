"""Celery carries queue names and nothing else: work is enqueued in the table, in the caller's transaction."""

import ast
from functools import cache
from pathlib import Path

import pytest

from chatboost.celery import app
from chatboost.core.ticks import beat
from chatboost.core.work import nudge, tasks

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = [
    *("chatboost", "teams", "flows", "triggers", "campaigns"),
    *("assistant", "invitations", "compression", "analytics"),
]
DOORBELL = "chatboost/core/work/nudge.py"
# The staff may have a task of their own schedules run now.
SCHEDULES = "chatboost/console/schedules.py"
# May name Celery: those two, the tasks, the app itself, and the check whether a broker answers.
CELERY = {
    *(DOORBELL, SCHEDULES, "chatboost/core/work/tasks.py", "chatboost/celery.py"),
    "chatboost/core/health.py",
}
# Import neither Django nor Celery, as test_layers checks: their words are their own.
PURE = ("flows/engine/", "triggers/matching/")

# `delay` is also an everyday word: it counts where it is called.
SENDS = {"apply_async", "send_task"}


@cache
def sources() -> tuple[tuple[str, ast.Module], ...]:
    """Return (place, tree) of every file of the product that may import Celery at all."""
    return tuple(
        (place, ast.parse(path.read_text(), filename=place))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if not (place := path.relative_to(ROOT).as_posix()).startswith(PURE)
    )


def sends(tree: ast.AST) -> list[int]:
    """Return the lines that hand a task to Celery, or name what does."""
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and (node.attr in SENDS or (node.attr == "delay" and node in called))
    ]


def names_celery(tree: ast.AST) -> bool:
    modules: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules.append(node.module or "")
    return any(module.split(".")[0] == "celery" for module in modules)


def test_only_the_doorbell_sends_tasks() -> None:
    found = {place for place, tree in sources() if sends(tree)}
    assert found == {DOORBELL, SCHEDULES}


def test_only_the_work_loop_knows_celery() -> None:
    found = {place for place, tree in sources() if names_celery(tree)}
    assert found <= CELERY, f"enqueue work instead: {sorted(found - CELERY)}"


def test_there_are_no_tasks_but_those_of_the_loop() -> None:
    ours = {name for name, task in app.tasks.items() if task.__module__.split(".")[0] in PACKAGES}
    assert ours == {nudge.TASK_NAME, tasks.sweep_work.name, beat.TASK}


@pytest.mark.parametrize(
    "line", ["task.delay(1)", "task.apply_async()", "app.send_task('x')", "f = task.apply_async"]
)
def test_a_planted_send_is_found(line: str) -> None:
    assert sends(ast.parse(line)) == [1]
