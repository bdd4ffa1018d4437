"""What runs in the codec's children."""

from chatboost.core import pictures
from compression.codec import compressing, messages


def warm_up() -> None:
    """Load the libraries, so that the first picture doesn't pay."""
    pictures.warm_up()


def serve(parts: list[bytes]) -> list[bytes]:
    """Make one picture smaller.

    Raises:
        PictureError: it does not come out.
    """
    return messages.answer(compressing.compress(*messages.read_request(parts)))
