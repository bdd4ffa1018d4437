"""`manage.py list_permissions > docs/permissions.md`: who may do what, as the code asks it."""

from itertools import groupby
from typing import Any

from django.core.management.base import BaseCommand

from teams import access
from teams.roles import RANK, Role

HEAD = """# Who may do what

The roles are {roles}: each holds what those after it hold. What belongs to another organization does not
exist, whatever the role: 404. `manage.py list_permissions` writes this page, from the code that asks.
"""
WHAT = {
    access.API: "An API key acts with a role too, or with some of its permissions.",
    access.PAGES: (
        "To look is to see a model's list, its rows and their history. Accounts and schedules belong to the "
        "installation, not to an organization."
    ),
    access.BUTTONS: "Buttons on a row's page, and actions on many rows of a list. They take POST only.",
    access.TOPICS: "What a client of `/ws` may subscribe to, as long as the row is the organization's.",
    access.COMMANDS: "No role is asked: whoever has a shell on the server administers the installation.",
}


class Command(BaseCommand):
    """Print the overview."""

    help = "Print every operation, page, button, topic and command with the permission it asks for."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a Markdown document."""
        self.stdout.write(text(), ending="")


def text() -> str:
    """Return the document."""
    names = ", ".join(role.value for role in sorted(Role, key=lambda role: -RANK[role]))
    parts = [HEAD.format(roles=names)]
    for area, found in groupby(access.entries(), key=lambda entry: entry.area):
        rows = "\n".join(
            f"| {_cell(each.name)} | {_cell(each.asks)} | {each.least or '—'} |" for each in found
        )
        parts.append(
            f"## {area}\n\n{WHAT[area]}\n\n| what | asks for | least role |\n|---|---|---|\n{rows}\n"
        )
    return "\n".join(parts)


def _cell(words: str) -> str:
    return words.replace("|", "\\|")
