"""The image codec: bytes in, fewer bytes out. Pure and replaceable.

Whoever uses it imports this package alone. `compress` works in this process; `Pool` does the same in child
processes, which a hostile picture may exhaust, hang or crash. Importing this package is cheap: Pillow, NumPy
and simplejpeg are loaded by the first picture.
"""

from chatboost.core.pictures import Limits, PictureError, sniff
from compression.codec.children import Pool
from compression.codec.compressing import compress
from compression.codec.contract import Compressed, Mode, Options, Output

__all__ = ["Compressed", "Limits", "Mode", "Options", "Output", "PictureError", "Pool", "compress", "sniff"]
