"""ZIP archives, looked at before anything in them is unpacked."""

import os
import struct
import zipfile
from typing import IO, Final

from django.conf import settings

from chatboost.core.exchange.errors import FileRefused

MAX_ENTRIES: Final = 1000
MAX_DIRECTORY: Final = 1024 * 1024

# "End of central directory": signature, four numbers of disks and entries, size and place of the directory,
# length of a comment. Source: PKWARE APPNOTE 6.3.10, 4.3.16; 4.3.15 for what large archives put before it.
_END: Final = struct.Struct("<4s4H2LH")
_END_MARK: Final = b"PK\x05\x06"
_LARGE_MARK: Final = b"PK\x06\x07"
_LARGE_LENGTH: Final = 20
_MAX_COMMENT: Final = 65535
_NESTED: Final = (".zip", ".xlsx", ".xlsm", ".gz", ".bz2", ".xz", ".7z", ".rar", ".tar", ".zst")
# Bits 0 and 6, and bit 5. Source: the same, 4.4.4.
_ENCRYPTED: Final = 0x41
_PATCHED: Final = 0x20
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def open_archive(stream: IO[bytes], *, max_unpacked: int | None = None) -> zipfile.ZipFile:
    """Open an archive whose directory promises to be small, plain and honest; by default as for imports.

    Raises: FileRefused (`unsafe_archive, unsupported_format`).
    """
    _require_small_directory(stream)
    stream.seek(0)
    try:
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error) as error:
        raise FileRefused("This archive is damaged.", code="unsupported_format") from error
    entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > (max_unpacked or settings.IMPORT_MAX_BYTES):
        raise _unsafe("unpacked, it would be too large")
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise _unsafe("it is encrypted")
    if any(entry.compress_type not in _METHODS or entry.flag_bits & _PATCHED for entry in entries):
        raise _unsafe("it is packed in an unusual way")
    if any(entry.filename.lower().endswith(_NESTED) for entry in entries):
        raise _unsafe("it holds other archives")
    _require_apart(entries)
    return archive


def unpacked_size(stream: IO[bytes]) -> int:
    """Return how many bytes are in an archive; more than it says are never unpacked. Raises: FileRefused."""
    with open_archive(stream) as archive:
        return sum(entry.file_size for entry in archive.infolist())


def _require_small_directory(stream: IO[bytes]) -> None:
    """Read the directory's length before Python reads the directory."""
    stream.seek(0, os.SEEK_END)
    size = stream.tell()
    tail_length = min(size, _END.size + _MAX_COMMENT + _LARGE_LENGTH)
    stream.seek(size - tail_length)
    tail = stream.read(tail_length)
    found = tail.rfind(_END_MARK)
    if found < 0 or len(tail) - found < _END.size:
        raise FileRefused("This archive is damaged.", code="unsupported_format")
    _, _, _, _, entries, directory, _, _ = _END.unpack_from(tail, found)
    is_large = tail[max(found - _LARGE_LENGTH, 0) : found].startswith(_LARGE_MARK)
    if is_large or entries > MAX_ENTRIES or directory > MAX_DIRECTORY:
        raise _unsafe("it holds too many files")


def _require_apart(entries: list[zipfile.ZipInfo]) -> None:
    """Refuse files that share their packed bytes: a small archive would unpack to a huge one."""
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise _unsafe("its files overlap")
        end = entry.header_offset + entry.compress_size


def _unsafe(why: str) -> FileRefused:
    return FileRefused(f"This archive is not opened: {why}.", code="unsafe_archive")
