"""Local pictures in, smaller ones in another folder out. Needs no database."""

import os
import secrets
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from compression import codec

# What a decoder would have to be asked about; a folder's other files are nobody's pictures.
_NAMES = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"))
_SAME = {"jpg": frozenset((".jpg", ".jpeg", ".jpe", ".jfif"))}
# Read to tell pictures from other files.
_HEAD = 4096
# Pictures under way for each process.
_AHEAD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What became of a file: `completed`, `kept`, `over_limit` or `failed`, and then which error."""

    input: str
    output: str | None
    state: str
    error: str | None
    bytes_before: int
    bytes_after: int | None


class Outputs:
    """Places in a folder. Nothing is written outside of it, over an input, or over what was just written."""

    def __init__(self, folder: Path, inputs: list[Path]) -> None:
        self._folder = folder
        self._taken: set[str] = set()
        self._inputs = {_identity(path) for path in inputs if path.exists()}

    def write(self, relative: Path, extension: str, content: bytes) -> Path:
        """Write a file under its relative path, with another extension if it became something else.

        Raises:
            OSError: the file can't be written, or its folder leads elsewhere.
        """
        suffix = relative.suffix.lower()
        if suffix not in _SAME.get(extension, frozenset((f".{extension}",))):
            relative = relative.with_suffix(f".{extension}")
        path = self._folder / relative
        if not path.parent.resolve().is_relative_to(self._folder.resolve()):
            raise OSError("leads out of the folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        path = self._free(path)
        temporary = path.with_name(f".{secrets.token_hex(8)}.part")
        try:
            with temporary.open("xb") as file:
                file.write(content)
            # Takes the place of a link, too, instead of writing to where it leads.
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return path

    def _free(self, path: Path) -> Path:
        stem, number = path.stem, 0
        while str(path).casefold() in self._taken or (path.exists() and _identity(path) in self._inputs):
            number += 1
            path = path.with_stem(f"{stem}-{number}")
        self._taken.add(str(path).casefold())
        return path


def find(path: Path, *, out: Path) -> list[tuple[Path, Path]]:
    """Return the pictures at a path, each with its path within it, in order.

    Of a folder, files that are neither pictures nor named like one are left out, and so are links and `out`.
    """
    if not path.is_dir():
        return [(path, Path(path.name))]
    found = []
    for folder, folders, files in os.walk(path):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if (here / name).resolve() != out.resolve())
        candidates = [here / name for name in sorted(files)]
        found += [(file, file.relative_to(path)) for file in candidates if _is_picture(file)]
    return found


def compress(
    files: list[tuple[Path, Path]], *, out: Path, options: codec.Options, processes: int
) -> Iterator[Line]:
    """Compress files into a folder, in their order, in child processes."""
    outputs = Outputs(out, [path for path, _ in files])
    waiting: deque[tuple[Path, Path, Future[codec.Compressed]]] = deque()
    with codec.Pool(processes) as pool, ThreadPoolExecutor(processes) as threads:
        for path, relative in files:
            waiting.append((path, relative, threads.submit(_compress, pool, path, options)))
            if len(waiting) > processes * _AHEAD:
                yield _finish(outputs, *waiting.popleft())
        while waiting:
            yield _finish(outputs, *waiting.popleft())


def _compress(pool: codec.Pool, path: Path, options: codec.Options) -> codec.Compressed:
    if path.stat().st_size > options.limits.max_bytes:
        raise codec.PictureError("too_large", "The file has more bytes than are allowed.")
    return pool.compress(path.read_bytes(), options)


def _finish(outputs: Outputs, path: Path, relative: Path, future: "Future[codec.Compressed]") -> Line:
    try:
        before = path.stat().st_size
    except OSError:
        before = 0
    try:
        done = future.result()
    except codec.PictureError as error:
        return _failed(path, before, error.code)
    except OSError:
        return _failed(path, before, "unreadable")
    try:
        written = outputs.write(relative, done.extension, done.content)
    except OSError:
        return _failed(path, before, "unwritable")
    state = "over_limit" if done.is_over_limit else "kept" if done.is_kept else "completed"
    return Line(
        input=str(path),
        output=str(written),
        state=state,
        error=None,
        bytes_before=before,
        bytes_after=len(done.content),
    )


def _failed(path: Path, before: int, error: str) -> Line:
    return Line(
        input=str(path), output=None, state="failed", error=error, bytes_before=before, bytes_after=None
    )


def _is_picture(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    if path.suffix.lower() in _NAMES:
        return True
    try:
        with path.open("rb") as file:
            return codec.sniff(file.read(_HEAD)) is not None
    except OSError:
        return False


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
