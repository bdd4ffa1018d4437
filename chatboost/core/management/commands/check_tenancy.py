"""`manage.py check_tenancy`: do all relations stay inside their organization?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chatboost.core.tenancy import crossings


class Command(BaseCommand):
    """Print the rows that point into another organization; fails when there are any."""

    help = "Check that no row of one organization points at a row of another. Also runs every night."

    def handle(self, *args: Any, **options: Any) -> None:
        """Look at every relation."""
        found = crossings.find()
        for name, ids in sorted(found.items()):
            self.stderr.write(f"{name}: {', '.join(map(str, ids))}")
        if found:
            raise CommandError("Rows point into another organization.")
        self.stdout.write(f"{len(crossings.relations())} relations stay inside their organizations.")
