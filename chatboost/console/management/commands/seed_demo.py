"""`manage.py seed_demo`: the demo organization, once."""

from typing import Any

from django.core.management.base import BaseCommand

from chatboost.console import demo


class Command(BaseCommand):
    """Make the demo unless it is there."""

    help = "Make the demo organization with its bot; running it again changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed, and say where the sign-in is found."""
        made = demo.seed()
        self.stdout.write(
            f"Demo organization “{made.organization}” is ready (manage.py demo_info shows the sign-in)."
        )
