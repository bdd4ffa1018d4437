"""QR codes."""

from collections.abc import Iterator
from typing import Any

from chatboost.core.pictures import PictureError
from invitations.rendering import stamps
from invitations.rendering.documents import QrLayer
from invitations.rendering.stamps import Stamp

# Modules of quiet around the code: the standard asks for four.
_QUIET = 4
# Readers take any of the eight masks. Trying which of them looks best is most of what a code costs.
_MASK = 2


def draw(layer: QrLayer, text: str) -> Iterator[Stamp]:
    """Draw a text's code, as large as whole pixels for its modules allow; for no text the ground alone.

    Raises:
        PictureError: `qr_too_long`, `qr_too_small`.
    """
    import numpy as np
    from PIL import Image

    x, y, side, _ = layer.box
    if layer.background[3]:
        yield stamps.colored(x, y, layer.background, Image.new("L", (side, side), 255))
    if not text:
        return
    modules = _modules(text)
    count = modules.shape[0] + 2 * _QUIET
    scale = side // count
    if scale < 1:
        raise PictureError("qr_too_small", f"A QR code of this text needs at least {count} pixels.")
    mask = Image.fromarray(np.kron(modules, np.full((scale, scale), 255, np.uint8)))
    margin = (side - mask.width) // 2
    yield stamps.colored(x + margin, y + margin, layer.color, mask)


def _modules(text: str) -> Any:
    import numpy as np
    import segno

    try:
        code = segno.make_qr(text, error="m", mask=_MASK)
    except segno.DataOverflowError as error:
        raise PictureError("qr_too_long", "The text is too long for a QR code.") from error
    return np.array([list(row) for row in code.matrix], np.uint8)
