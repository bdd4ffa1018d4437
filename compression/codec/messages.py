"""What the codec and its children say to each other: a JSON document, and a picture."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from chatboost.core.pictures import Limits
from compression.codec.contract import Compressed, Mode, Options, Output


def request(content: bytes, options: Options) -> list[bytes]:
    """Write a request."""
    return [json.dumps(asdict(options)).encode(), content]


def read_request(parts: Sequence[bytes]) -> tuple[bytes, Options]:
    """Read a request."""
    head, content = parts
    fields: dict[str, Any] = json.loads(head)
    fields |= {
        "mode": Mode(fields["mode"]),
        "output": Output(fields["output"]),
        "limits": Limits(**fields["limits"]),
    }
    return content, Options(**fields)


def answer(done: Compressed) -> list[bytes]:
    """Write an answer."""
    fields = {name: getattr(done, name) for name in Compressed.__slots__ if name != "content"}
    return [json.dumps(fields).encode(), done.content]


def read_answer(parts: Sequence[bytes]) -> Compressed:
    """Read an answer.

    Raises:
        ValueError, TypeError: it makes no sense.
    """
    head, content = parts
    return Compressed(content=content, **json.loads(head))
