"""Telling a storage that is away, or refuses us, from everything else that goes wrong with a file."""

# By name: who keeps files in a folder has none of them.
_CLIENTS = frozenset({"boto3", "botocore", "s3transfer"})


def is_outage(error: BaseException) -> bool:
    """Say whether the storage could not be reached, broke off, or refused us."""
    return any(kind.__module__.partition(".")[0] in _CLIENTS for kind in type(error).__mro__)
