"""How alike two pictures are: SSIM of their luma, on tiles spread over the picture.

Windows are 7 by 7 pixels, 5 apart, each weighted the same (Wang et al., "Image quality assessment: from error
visibility to structural similarity", 2004, with the constants 0.01 and 0.03). Tiles lie on a JPEG's grid:
encoded in a mosaic they come out as they would within the picture, so a mosaic tells what an encode would
look like, and about how long it would be, at a fraction of the cost.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chatboost.core.pictures import Picture

# No common divisor with a JPEG's 8: windows lie everywhere on its grid. They fill a tile of 32 to its edge.
WINDOW, STRIDE = 7, 5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
# Additive recurrence of the plastic number: any prefix covers a square evenly.
_SPREAD = (0.7548776662466927, 0.5698402909980532)


@dataclass(frozen=True, slots=True)
class Grid:
    """How many tiles are taken, and of which size: a multiple of a JPEG's 16 by 16."""

    tiles: int
    height: int
    width: int


# To tell how alike: small tiles see more of a picture.
LOOK = Grid(64, 32, 32)
# To tell how long: wide ones have few edges, at which an encoder has to begin anew.
MEASURE = Grid(192, 16, 64)


class Sample:
    """The tiles of a picture by which it is judged; the whole of it if it is small."""

    def __init__(self, picture: "Picture", grid: Grid) -> None:
        self._picture, self._grid = picture, grid
        self.size = width, height = picture.size
        self._height, self._width = min(grid.height, height), min(grid.width, width)
        self._rows, self._columns = height // self._height, width // self._width
        self._tiles = min(grid.tiles, self._rows * self._columns)
        self.is_whole = width * height <= grid.tiles * grid.height * grid.width
        self.share = 1.0 if self.is_whole else self._tiles * self._height * self._width / (width * height)

    @cached_property
    def mosaic(self) -> Any:
        """Return the tiles below and beside each other, as rows, columns and channels."""
        return self.cut(self._picture)

    @cached_property
    def tiles(self) -> "Picture":
        """Return the mosaic as a picture."""
        return self._picture if self.is_whole else type(self._picture)(array=self.mosaic)

    @cached_property
    def luma(self) -> Any:
        """Return the luma of the mosaic."""
        return luma(self.mosaic)

    @cached_property
    def look(self) -> "Sample":
        """Return the sample that tells how alike another picture is."""
        return self if self._grid == LOOK else Sample(self._picture, LOOK)

    def cut(self, picture: "Picture") -> Any:
        """Take the same tiles out of another picture of the same size."""
        import numpy as np

        if self.is_whole:
            return picture.array
        rows, columns = self._places
        if picture.has_array:
            array = picture.array[: self._rows * self._height, : self._columns * self._width]
            grid = array.reshape(self._rows, self._height, self._columns, self._width, -1)
            tiles = grid[rows, :, columns]
        else:
            places = zip(columns.tolist(), rows.tolist(), strict=True)
            tiles = np.stack([self._tile(picture, column, row) for column, row in places])
        mosaic = tiles.reshape(-1, self._across, *tiles.shape[1:]).swapaxes(1, 2)
        return np.ascontiguousarray(mosaic.reshape(-1, self._across * self._width, tiles.shape[-1]))

    def compare(self, other: Any) -> float:
        """Return the SSIM between the mosaic and the luma of another one."""
        if self.is_whole:
            return ssim(self.luma, other)
        return ssim(self._split(self.luma), self._split(other))

    @cached_property
    def _places(self) -> tuple[Any, Any]:
        import numpy as np

        numbers = np.arange(1, self._tiles - self._tiles % self._across + 1)
        rows = (numbers * _SPREAD[0] % 1 * self._rows).astype(int)
        return rows, (numbers * _SPREAD[1] % 1 * self._columns).astype(int)

    @property
    def _across(self) -> int:
        """Tiles beside each other, so that the mosaic is about as wide as high."""
        return min(self._tiles, max(1, round((self._tiles * self._height / self._width) ** 0.5)))

    def _tile(self, picture: "Picture", column: int, row: int) -> Any:
        import numpy as np

        left, top = column * self._width, row * self._height
        tile = np.asarray(picture.image.crop((left, top, left + self._width, top + self._height)))
        return tile.reshape(self._height, self._width, -1)

    def _split(self, plane: Any) -> Any:
        """Cut a mosaic into its tiles, so that no window lies across two of them."""
        return plane.reshape(-1, self._height, self._across, self._width).swapaxes(1, 2)


def luma(array: Any) -> Any:
    """Return the luma of pixels; what is transparent counts as grey."""
    import numpy as np
    from PIL import Image

    channels = array.shape[2]
    if channels == 1:
        return array[:, :, 0]
    if channels == 3:
        return np.asarray(Image.fromarray(array).convert("L"))
    if channels == 2:
        grey = array[:, :, 0].astype(np.float32)
    else:
        grey = np.asarray(Image.fromarray(np.ascontiguousarray(array[:, :, :3])).convert("L"), np.float32)
    alpha = array[:, :, -1].astype(np.float32) / 255
    return (grey * alpha + 128 * (1 - alpha)).astype(np.uint8)


def ssim(one: Any, other: Any) -> float:
    """Return the mean structural similarity of two planes, or two stacks of planes, of equal size."""
    import numpy as np

    one, other = _padded(one), _padded(other)
    pixels = WINDOW * WINDOW
    stack = np.empty((5, *one.shape), np.float32)
    stack[0], stack[1] = one, other
    np.multiply(stack[0], stack[0], out=stack[2])
    np.multiply(stack[1], stack[1], out=stack[3])
    np.multiply(stack[0], stack[1], out=stack[4])
    mean, mean_other, square, square_other, product = _windows(stack) / pixels
    # Of a sample, not of a population: as scikit-image has it by default.
    fair = pixels / (pixels - 1)
    variance = (square - mean * mean) * fair
    variance_other = (square_other - mean_other * mean_other) * fair
    covariance = (product - mean * mean_other) * fair
    above = (2 * mean * mean_other + C1) * (2 * covariance + C2)
    below = (mean * mean + mean_other * mean_other + C1) * (variance + variance_other + C2)
    return min(1.0, max(0.0, float((above / below).mean())))


def _windows(plane: Any) -> Any:
    """Return the sums of windows, `STRIDE` apart."""
    last_row, last_column = plane.shape[-2] - WINDOW + 1, plane.shape[-1] - WINDOW + 1
    rows = plane[..., :last_row:STRIDE, :].copy()
    for start in range(1, WINDOW):
        rows += plane[..., start : last_row + start : STRIDE, :]
    windows = rows[..., :last_column:STRIDE].copy()
    for start in range(1, WINDOW):
        windows += rows[..., start : last_column + start : STRIDE]
    return windows


def _padded(plane: Any) -> Any:
    """Bring both sides to that of a window at least."""
    import numpy as np

    missing = [(0, max(0, WINDOW - side)) for side in plane.shape[-2:]]
    if not any(after for _, after in missing):
        return plane
    return np.pad(plane, [(0, 0)] * (plane.ndim - 2) + missing, mode="edge")
