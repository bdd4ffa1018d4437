"""`manage.py invitations_run SOURCE [--organization SLUG] [--layout …] [--dry-run] [--wait] [--json]`."""

import json
import time
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from chatboost.core.errors import DomainError
from invitations import links
from invitations.choices import UNFINISHED, BatchState, StorageKind
from invitations.management import finding
from invitations.models import InvitationBatch
from invitations.services import batches, notices
from teams.management import choosing

LOOK_EVERY: Final = 0.5


class Command(BaseCommand):
    """Begins a batch; the running workers do the rest."""

    help = "Invite the contacts of a source: begin a batch, and follow it if wished."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("source", help="Its name or number.")
        parser.add_argument("--organization", help=choosing.HELP)
        parser.add_argument("--name", default="", help="What the batch is called.")
        parser.add_argument("--layout", help="Its name or number; default: the source's.")
        parser.add_argument("--storage", choices=StorageKind.values, help="Default: the source's.")
        parser.add_argument("--dry-run", action="store_true", help="Five cards; nothing is uploaded.")
        parser.add_argument("--wait", action="store_true", help="Follow the batch to its end.")
        parser.add_argument("--json", action="store_true", help="Say it as one JSON object, at the end.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Begin it, or fail with the reason; with --wait, fail as well unless all cards come out."""
        self._is_json = options["json"]
        batch = self._begin(options)
        page = f"{links.base()}/admin/invitations/invitationbatch/{batch.pk}/change/"
        self._say(f"Batch {batch.pk}, “{batch.name}”.\n{page}")
        if options["wait"]:
            self._follow(batch)
        if self._is_json:
            self.stdout.write(json.dumps(_told(batch, page)))
        if options["wait"] and batch.state != BatchState.COMPLETED:
            raise CommandError(f"The batch is {batch.get_state_display().lower()}; its report says why.")

    def _begin(self, options: dict[str, Any]) -> InvitationBatch:
        organization = choosing.organization(options["organization"])
        source = finding.source(organization, options["source"])
        plan: dict[str, Any] = {}
        if options["layout"]:
            plan["layout"] = finding.layout(organization, options["layout"])
        if options["storage"]:
            plan["storage"] = options["storage"]
        try:
            with transaction.atomic():
                return batches.start(
                    batches.create(source=source, name=options["name"], is_dry_run=options["dry_run"], **plan)
                )
        except DomainError as refusal:
            raise CommandError(choosing.words(refusal)) from refusal

    def _follow(self, batch: InvitationBatch) -> None:
        """Say how far it is whenever that changes."""
        said = ""
        while True:
            batch.refresh_from_db()
            words = f"{batch.get_state_display()}: {notices.counts_text(batch)}"
            if words != said:
                self._say(words)
                said = words
            if batch.state not in UNFINISHED:
                return
            time.sleep(LOOK_EVERY)

    def _say(self, words: str) -> None:
        if not self._is_json:
            self.stdout.write(words)


def _told(batch: InvitationBatch, page: str) -> dict[str, Any]:
    return {
        "batch": batch.pk,
        "name": batch.name,
        "page": page,
        "state": batch.state,
        "total": batch.total_count,
        "done": batch.done_count,
        "failed": batch.failed_count,
        "conflicts": batch.conflict_count,
        "skipped": batch.skipped_count,
        "error": batch.fetch_error,
    }
