"""What a file may ask of us: beyond it, the file or the row is refused before it costs memory."""

from typing import Final

MAX_COLUMNS: Final = 50
MAX_CELL: Final = 32 * 1024
"""Characters of one cell."""

MAX_RECORD: Final = 2 * 1024 * 1024
"""Characters of one row: 50 full cells, and room for quotes."""

BATCH_ROWS: Final = 4000
BATCH_CELLS: Final = 24_000
BATCH_SIZE: Final = 4 * 1024 * 1024
"""Rows, cells or characters that are in memory, and are written in one transaction, at once."""

BATCH_EXTRAS: Final = 3000
"""Cells of extra columns that are written at once: each is a row, and on SQLite nobody else writes."""

MAX_HEADING: Final = 200
BLOCK: Final = 64 * 1024
