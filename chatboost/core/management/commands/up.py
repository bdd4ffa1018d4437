"""`manage.py up`: the whole product as one foreground command."""

from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatboost.core.supervisor import instance, plan, readiness, valkey
from chatboost.core.supervisor.children import ChildSpec
from chatboost.core.supervisor.console import Console
from chatboost.core.supervisor.supervise import Supervisor


class Command(BaseCommand):
    """Start Valkey, web, worker, beat and pump; stop them together."""

    help = "Run everything on this machine until Ctrl-C."
    # The children load the routes; this process stays light and starts at once.
    requires_system_checks: list[str] = []
    requires_migrations_checks = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Take where to listen."""
        parser.add_argument("--port", type=int, default=settings.PORT, help="default: %(default)s")
        parser.add_argument("--bind", default=settings.BIND, metavar="ADDRESS", help="default: %(default)s")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, then exit with 0 when asked to stop and 1 when a process ended by itself."""
        host, port = options["bind"], options["port"]
        try:
            with instance.only(settings.DATA_DIR):
                readiness.ensure_port_is_free(host, port)
                code = self._run(host, port)
        except instance.AlreadyRunning as error:
            raise CommandError(f"{error} Stop it, or use another CHATBOOST_DATA_DIR.") from error
        except readiness.PortTaken as error:
            raise CommandError(f"{error} Choose another one: make run PORT={port + 1}") from error
        except valkey.OrphanStays as error:
            raise CommandError(str(error)) from error
        if code:
            raise SystemExit(code)

    def _run(self, host: str, port: int) -> int:
        console = Console()
        supervisor = Supervisor(
            _specs(host, port, console),
            log_dir=settings.DATA_DIR / "logs",
            cwd=Path(settings.BASE_DIR),
            console=console,
        )
        announce = partial(
            readiness.announce,
            url=readiness.local_url(host, port),
            data_dir=settings.DATA_DIR,
            console=console,
            stopping=supervisor.stopping,
        )
        return supervisor.run(when_started=announce)


def _specs(host: str, port: int, console: Console) -> list[ChildSpec]:
    if not settings.EMBEDDED_BROKER:
        return plan.with_external_broker(host=host, port=port)
    binary = valkey.binary_path()
    if binary is None:
        console.say(
            "No embedded Valkey for this system: web and pump share one process. Set REDIS_URL for more."
        )
        return plan.without_broker(host=host, port=port)
    server = valkey.choose(settings.DATA_DIR)
    if valkey.stop_orphan(server):
        console.say("Stopped a Valkey server that an earlier run had left behind.")
    return plan.with_embedded_broker(host=host, port=port, server=server, binary=binary)
