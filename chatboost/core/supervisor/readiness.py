"""Wait until the web process answers, then say so."""

import errno
import socket
import time
from datetime import timedelta
from pathlib import Path

from chatboost.core.http.client import HttpError, VendorClient
from chatboost.core.stopping import StopFlag
from chatboost.core.supervisor import hooks
from chatboost.core.supervisor.console import Console

ASK_EVERY = timedelta(milliseconds=250)
SAY_IT_IS_SLOW_AFTER = timedelta(seconds=60)
ANY_ADDRESS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104


class PortTaken(Exception):
    """Somebody else listens there."""


def ensure_port_is_free(host: str, port: int) -> None:
    """Find out before anything is started.

    Raises: PortTaken; OSError when the address isn't one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(f"Port {port} on {host} is taken by another program.") from error
            raise


def local_url(host: str, port: int) -> str:
    """Return the address to open on this machine."""
    name = "127.0.0.1" if host in ANY_ADDRESS else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def announce(*, url: str, data_dir: Path, console: Console, stopping: StopFlag) -> None:
    """Print the address once `/livez` answers, then run the composition layer's callbacks."""
    if not _wait(url, console, stopping):
        return
    console.say(_banner(url, data_dir))
    hooks.run(hooks.ReadyInfo(url=url, data_dir=data_dir, say=console.say))


def _wait(url: str, console: Console, stopping: StopFlag) -> bool:
    client = VendorClient(url, timedelta(seconds=5), 64 * 1024)
    slow_at = time.monotonic() + SAY_IT_IS_SLOW_AFTER.total_seconds()
    has_said = False
    while not stopping.wait(ASK_EVERY.total_seconds()):
        if _is_alive(client):
            client.close()
            return True
        if time.monotonic() > slow_at and not has_said:
            has_said = True
            console.say("The web process hasn't answered yet.")
    return False


def _is_alive(client: VendorClient) -> bool:
    try:
        return client.request("GET", "/livez").status == 200
    except HttpError:
        return False


def _banner(url: str, data_dir: Path) -> str:
    return f"\n  ChatBoost runs at  {url}/\n  Data and logs are  {data_dir}\n  Stop it with       Ctrl-C\n"
