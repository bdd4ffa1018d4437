"""Where the embedded Valkey listens and how each client spells it.

Settings import this module: it needs nothing but paths.
"""

from pathlib import Path

# A Unix socket's address holds 104 bytes on macOS and 108 on Linux, its closing NUL included.
MAX_SOCKET_PATH_BYTES = 100


def folder(data_dir: Path) -> Path:
    """Return the folder that holds the server's socket, configuration and append-only file."""
    return data_dir / "valkey"


def socket_path(data_dir: Path) -> Path:
    """Return the server's Unix socket, whether or not its path is short enough to be used."""
    return folder(data_dir) / "valkey.sock"


def fits_socket(path: Path) -> bool:
    """Say whether the operating system takes the path as a Unix socket's address."""
    return len(str(path).encode()) <= MAX_SOCKET_PATH_BYTES


def broker_url(path: Path) -> str:
    """Return Celery's URL of the broker: database 0."""
    return f"redis+socket://{path}?virtual_host=0"


def layer_url(path: Path) -> str:
    """Return the channel layer's URL: database 2."""
    return f"unix://{path}?db=2"


def cache_url(path: Path) -> str:
    """Return the cache's URL: database 3."""
    return f"unix://{path}?db=3"
