"""Strangers' pictures: told by their bytes, held against limits, stripped and decoded. Pure.

Decoding is safe against what can be known beforehand, not against a decoder's own faults: who is handed
pictures by strangers decodes them in a child process (`chatboost.core.isolation`). Importing this package is
cheap: Pillow, NumPy and simplejpeg are loaded by the first picture.
"""

from chatboost.core.pictures.contract import Limits, PictureError, contained
from chatboost.core.pictures.opening import decode, warm_up
from chatboost.core.pictures.picture import Picture
from chatboost.core.pictures.sniffing import sniff

__all__ = ["Limits", "Picture", "PictureError", "contained", "decode", "sniff", "warm_up"]
