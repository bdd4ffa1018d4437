"""What an organization may set about compression; a request may say otherwise for itself."""

from dataclasses import dataclass

from django.conf import settings

from chatboost.core import preferences
from chatboost.core.preferences import setting
from compression.choices import Mode, Output


@dataclass(frozen=True, slots=True)
class CompressionSettings:
    """Settings of this room."""

    mode: str = setting(Mode.QUALITY.value, label="Compress by", choices=Mode.choices)
    quality: int = setting(
        settings.COMPRESSION_QUALITY,
        label="Quality",
        help="1 to 100, for “quality”. At 50, a photo keeps about a quarter of its bytes.",
        min=1,
        max=100,
    )
    percent: int = setting(
        settings.COMPRESSION_PERCENT,
        label="Percent of the bytes",
        help="1 to 100, for “bytes”: no output is larger than this share of its input.",
        min=1,
        max=100,
    )
    output: str = setting(Output.SAME.value, label="Format", choices=Output.choices)
    files_kept_days: int = setting(
        30, label="Keep compressed images for", help="Days; their links work so long.", min=1, max=3650
    )
    originals_kept_days: int = setting(
        7,
        label="Keep the input images for",
        help="Days, for looking at before and after. 0 keeps none.",
        min=0,
        max=365,
    )
    requests_kept_days: int = setting(
        90, label="Keep requests for", help="Days after their end, with their tables.", min=1, max=3650
    )


preferences.declare("compression", CompressionSettings, title="Compression")
