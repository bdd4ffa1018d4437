"""A decoded picture, as an array or as Pillow's image, whichever is asked for."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

# A picture of more bytes is not held in both ways at a time.
MOST_TWICE = 32 * 1024 * 1024


class Picture:
    """Pixels in sRGB, turned as they are to be shown: L, LA, RGB or RGBA with 8 bits.

    The way of a JPEG needs the array alone, every other way the image: neither is made for nothing.
    """

    def __init__(self, *, array: Any = None, image: "Image | None" = None) -> None:
        self._array = array
        self._image = image

    @cached_property
    def image(self) -> "Image":
        """Return Pillow's image."""
        if self._image is not None:
            return self._image
        from PIL import Image

        array = self._array
        if array.size > MOST_TWICE:
            self._array = None
        return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)

    @property
    def array(self) -> Any:
        """Return the pixels as rows, columns and channels."""
        if self._array is not None:
            return self._array
        import numpy as np

        array = np.asarray(self.image)
        return array if array.ndim == 3 else array[:, :, None]

    @property
    def has_array(self) -> bool:
        """Whether the array costs nothing."""
        return self._array is not None

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height."""
        if self._array is not None:
            return self._array.shape[1], self._array.shape[0]
        return self.image.size

    @property
    def has_alpha(self) -> bool:
        """Whether pixels may be transparent."""
        return self._array.shape[2] in (2, 4) if self.has_array else self.image.mode in ("LA", "RGBA")

    @property
    def is_clear_somewhere(self) -> bool:
        """Whether a pixel is transparent."""
        return self.has_alpha and self.image.getchannel("A").getextrema()[0] != 255

    def shrunk(self, scale: float) -> "Picture":
        """Return a smaller one; transparent pixels don't bleed into the others."""
        from PIL import Image

        width, height = self.size
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = self.image
        if self.has_alpha:
            mode = image.mode
            image = (
                image.convert("RGBA").convert("RGBa").resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
            )
            image = image.convert("RGBA")
            return Picture(image=image if mode == "RGBA" else image.convert("LA"))
        return Picture(image=image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3))
