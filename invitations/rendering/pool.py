"""The renderer in child processes."""

from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from chatboost.core import isolation
from chatboost.core.pictures import Limits, PictureError
from invitations.rendering import fonts, messages
from invitations.rendering.contract import (
    Card,
    CardRequest,
    FaceOptions,
    FontInfo,
    PreparedPhoto,
    PreparedPicture,
)

SERVICE = "invitations.rendering.service"
# A portrait of forty million pixels takes a second or two, a first card a few tenths.
LIMITS = Limits(cpu_seconds=20, wall_seconds=30)

Answer = TypeVar("Answer")


class Pool:
    """Renders in up to `size` child processes at a time. Thread-safe; a call waits for a free child.

    A child keeps the templates of the last layouts, so a document and its assets travel only to one that
    lacks them.
    """

    def __init__(self, size: int, *, limits: Limits = LIMITS) -> None:
        self._pool = isolation.Pool(SERVICE, size)
        self._limits = limits

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the children; one that is busy ends with its call."""
        self._pool.close()

    def prepare_photo(self, content: bytes, options: FaceOptions | None = None) -> PreparedPhoto:
        """Make a stranger's photo ready for cards, and look for faces.

        Raises:
            PictureError: the photo does not come out; its `code` says why.
        """
        return self._ask(
            messages.photo_request(self._checked(content), options or FaceOptions()), messages.read_photo
        )

    def prepare_picture(self, content: bytes) -> PreparedPicture:
        """Make a layout's picture ready for cards.

        Raises:
            PictureError: the picture does not come out; its `code` says why.
        """
        return self._ask(messages.picture_request(self._checked(content)), messages.read_picture)

    def check_font(self, content: bytes) -> FontInfo:
        """Say what an uploaded font is.

        Raises:
            PictureError: `not_a_font`, `too_large`.
        """
        if len(content) > fonts.MAX_FONT_BYTES:
            raise PictureError("too_large", "The font has more bytes than are allowed.")
        try:
            return self._ask(messages.font_request(content), messages.read_font)
        except PictureError as error:
            if error.code in ("crashed", "out_of_memory", "took_too_long"):
                raise PictureError("not_a_font", "The font breaks what should draw it.") from error
            raise

    def render(self, request: CardRequest) -> Card:
        """Draw a card.

        Raises:
            PictureError: the card does not come out; its `code` says why.
        """
        card = self._ask(messages.card_request(request, with_assets=False), messages.read_card)
        if card is None:
            card = self._ask(messages.card_request(request, with_assets=True), messages.read_card)
        if card is None:
            raise PictureError("crashed", "The renderer asks twice for what it has.")
        return card

    def _ask(self, parts: list[bytes], read: Callable[[list[bytes]], Answer]) -> Answer:
        return self._pool.ask(parts, self._limits, read)

    def _checked(self, content: bytes) -> bytes:
        if len(content) > self._limits.max_bytes:
            # No child needs to see it.
            raise PictureError("too_large", "The file has more bytes than are allowed.")
        return content
