"""The embedded Valkey: private, durable, and cleaned up after."""

import contextlib
import os
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import kombu
import pytest
import redis

from chatboost.core.supervisor import valkey, valkey_urls
from tests.core.processes import needs_valkey, wait_until


def test_socket_path_of_any_data_folder_is_inside_it(tmp_path: Path) -> None:
    path = valkey_urls.socket_path(tmp_path)
    assert valkey_urls.broker_url(path) == f"redis+socket://{tmp_path}/valkey/valkey.sock?virtual_host=0"
    assert valkey_urls.layer_url(path) == f"unix://{tmp_path}/valkey/valkey.sock?db=2"
    assert valkey_urls.cache_url(path) == f"unix://{tmp_path}/valkey/valkey.sock?db=3"


@needs_valkey
def test_binary_path_with_a_wheel_is_an_executable() -> None:
    binary = valkey.binary_path()
    assert binary is not None
    assert os.access(binary, os.X_OK)


@contextlib.contextmanager
def serving(server: valkey.Server) -> Iterator[subprocess.Popen[bytes]]:
    """Run an embedded server until the block ends."""
    binary = valkey.binary_path()
    assert binary is not None
    with subprocess.Popen(server.argv(binary), stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(server.answers)
            yield process
        finally:
            process.terminate()


@pytest.fixture
def short_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose name needs quoting and fits into a socket's address."""
    return tmp_path_factory.mktemp('a "b"')


@needs_valkey
def test_valkey_on_a_socket_is_for_its_owner_alone(short_path: Path) -> None:
    server = valkey.choose(short_path)
    with serving(server):
        assert server.socket is not None
        modes = [
            stat.S_IMODE(path.stat().st_mode) for path in (server.socket, server.config_path, server.folder)
        ]
    assert (modes, server.env) == ([0o600, 0o600, 0o700], {})


@needs_valkey
def test_valkey_after_a_restart_still_knows_its_keys(short_path: Path) -> None:
    server = valkey.choose(short_path)
    with serving(server), server.client() as client:
        client.set("kept", "yes")
    with serving(server), server.client() as client:
        assert client.get("kept") == b"yes"


@needs_valkey
def test_valkey_whose_path_is_too_long_listens_on_loopback_behind_a_password(tmp_path: Path) -> None:
    data_dir = tmp_path / ("d" * 100)
    server = valkey.choose(data_dir)
    binary = valkey.binary_path()
    assert binary is not None
    with serving(server), redis.Redis(host="127.0.0.1", port=server.port) as stranger:
        url = server.env["CHATBOOST_VALKEY_URL"]
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()
        with redis.Redis.from_url(url) as client:
            client.ping()
    assert server.password not in " ".join(server.argv(binary))


@needs_valkey
def test_orphan_of_an_earlier_run_is_stopped(short_path: Path) -> None:
    server = valkey.choose(short_path)
    with serving(server) as process:
        assert valkey.stop_orphan(server)
        assert process.wait(20) == 0
    assert not valkey.stop_orphan(server)


TAKE_AND_VANISH = """
    import os, sys, kombu
    channel = kombu.Connection(sys.argv[1]).default_channel
    assert kombu.Queue("media", channel=channel).bind(channel).get(no_ack=False)
    os._exit(0)
"""


@needs_valkey
def test_restore_unacked_after_a_kill_gives_the_task_back(short_path: Path) -> None:
    server = valkey.choose(short_path)
    with serving(server), kombu.Connection(server.broker_url) as connection:
        queue = kombu.Queue("media", exchange=kombu.Exchange("media"), routing_key="media")
        connection.Producer().publish(
            {"id": 1}, exchange=queue.exchange, routing_key="media", declare=[queue]
        )
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(TAKE_AND_VANISH), server.broker_url],
            check=True,
            timeout=20,
        )
        bound = queue.bind(connection.default_channel)
        before = bound.get()
        valkey.restore_unacked(server.broker_url)
        after = bound.get()
        assert (before, after and after.payload) == (None, {"id": 1})
