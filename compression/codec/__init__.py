"""The image codec: bytes in, fewer bytes out. Pure and replaceable.

Whoever uses it imports this package alone. `compress` works in this process; `Pool` does the same in child
processes, which a hostile picture may exhaust, hang or crash. Importing this package is cheap: Pillow, NumPy
and simplejpeg are loaded by the first picture.
"""

from compression.codec.compressing import compress
from compression.codec.contract import CodecError, Compressed, Limits, Mode, Options, Output
from compression.codec.pool import Pool
from compression.codec.sniffing import sniff

__all__ = ["CodecError", "Compressed", "Limits", "Mode", "Options", "Output", "Pool", "compress", "sniff"]
