"""`manage.py compress`: local files and folders, without a database."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.compression import pictures

KEYS = ["input", "output", "state", "error", "bytes_before", "bytes_after"]
JPEG = pictures.saved(pictures.photo(96, 64), "JPEG", quality=95)
PNG = pictures.saved(pictures.photo(96, 64), "PNG")
BMP = pictures.saved(pictures.photo(96, 64), "BMP")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(
    path: Path, out: Path, *words: str, stderr: io.StringIO | None = None
) -> tuple[int, list[dict[str, Any]], str]:
    """Return the exit code, the lines, and what stands on standard error."""
    stdout, stderr = io.StringIO(), stderr or io.StringIO()
    code = 0
    try:
        call_command(
            "compress",
            str(path),
            f"--out={out}",
            "--json",
            "--processes=1",
            *words,
            stdout=stdout,
            stderr=stderr,
        )
    except SystemExit as stop:
        code = int(stop.code or 0)
    return code, [json.loads(line) for line in stdout.getvalue().splitlines()], stderr.getvalue()


def written(out: Path) -> list[str]:
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


def test_file_is_compressed(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)
    code, lines, summary = run(tmp_path / "a.jpg", tmp_path / "out")
    assert code == 0
    (line,) = lines
    assert list(line) == KEYS
    assert line["input"] == str(tmp_path / "a.jpg")
    assert line["output"] == str(tmp_path / "out" / "a.jpg")
    assert (line["state"], line["error"], line["bytes_before"]) == ("completed", None, len(JPEG))
    assert line["bytes_after"] == (tmp_path / "out" / "a.jpg").stat().st_size < len(JPEG)
    assert summary.startswith("1 files: 1 completed, 0 kept, 0 over_limit, 0 failed.")


def test_folder_keeps_its_paths(tmp_path: Path) -> None:
    for name in ("a.jpg", "deep/er/b.JPG", "deep/c.jpeg"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(JPEG)
    (tmp_path / "in" / "notes.txt").write_text("not a picture")
    (tmp_path / "in" / "no extension").write_bytes(PNG)
    code, lines, _ = run(tmp_path / "in", tmp_path / "out")
    assert code == 0
    assert written(tmp_path / "out") == ["a.jpg", "deep/c.jpeg", "deep/er/b.JPG", "no extension.png"]
    assert [line["input"] for line in lines] == sorted(
        (line["input"] for line in lines), key=lambda path: (path.count("/"), path)
    )


def test_failures_are_told_and_the_rest_is_done(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(JPEG[:-500])
    (folder / "b.png").write_text("not a picture")
    (folder / "c.jpg").write_bytes(JPEG)
    (folder / "d.tif").write_bytes(b"II*\0" + bytes(40))
    code, lines, summary = run(folder, tmp_path / "out")
    assert code == 1
    told = [
        (line["state"], line["error"], line["output"], line["bytes_after"]) for line in lines if line["error"]
    ]
    assert told == [
        ("failed", "damaged", None, None),
        ("failed", "not_an_image", None, None),
        ("failed", "unsupported_format", None, None),
    ]
    assert written(tmp_path / "out") == ["c.jpg"]
    assert "1 completed, 0 kept, 0 over_limit, 3 failed" in summary


def test_names_that_become_the_same_stay_apart(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, content in (("a.bmp", BMP), ("a.jpg", PNG), ("a.png", PNG), ("A.png", PNG)):
        (folder / name).write_bytes(content)
    code, lines, _ = run(folder, tmp_path / "out")
    assert code == 0
    assert written(tmp_path / "out") == ["A.png", "a-1.png", "a-2.png", "a-3.png"]
    assert len({line["output"] for line in lines}) == 4


def test_input_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)
    _, lines, _ = run(tmp_path / "a.jpg", tmp_path)
    assert lines[0]["output"] == str(tmp_path / "a-1.jpg")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.jpg").hardlink_to(tmp_path / "a.jpg")
    (tmp_path / "out" / "a-1.jpg").symlink_to(tmp_path / "a.jpg")
    run(tmp_path / "a.jpg", tmp_path / "out")
    assert (tmp_path / "a.jpg").read_bytes() == JPEG
    with pytest.raises(CommandError, match="another folder"):
        run(tmp_path, tmp_path)


def test_output_below_the_input_is_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)
    for _ in range(2):
        _, lines, _ = run(tmp_path, tmp_path / "out")
        assert [line["input"] for line in lines] == [str(tmp_path / "a.jpg")]
    assert written(tmp_path / "out") == ["a.jpg"]


def test_links_lead_nowhere(tmp_path: Path) -> None:
    folder, out, elsewhere = tmp_path / "in", tmp_path / "out", tmp_path / "elsewhere"
    for each in (folder / "sub", out, elsewhere):
        each.mkdir(parents=True)
    (folder / "sub" / "a.jpg").write_bytes(JPEG)
    (elsewhere / "b.jpg").write_bytes(JPEG)
    (folder / "b.jpg").symlink_to(elsewhere / "b.jpg")
    (folder / "linked").symlink_to(elsewhere, target_is_directory=True)
    (out / "sub").symlink_to(elsewhere, target_is_directory=True)
    code, lines, _ = run(folder, out)
    assert code == 1
    assert [(line["state"], line["error"]) for line in lines] == [("failed", "unwritable")]
    assert sorted(path.name for path in elsewhere.iterdir()) == ["b.jpg"]


def test_wishes_are_passed_on(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)
    _, lines, _ = run(tmp_path / "a.jpg", tmp_path / "out", "--mode=bytes", "--percent=30", "--output=webp")
    assert lines[0]["output"].endswith("a.webp")
    assert lines[0]["bytes_after"] <= len(JPEG) * 0.3
    sizes = [
        run(tmp_path / "a.jpg", tmp_path / "out", f"--quality={quality}")[1][0]["bytes_after"]
        for quality in (20, 70)
    ]
    assert sizes[0] < sizes[1]


def test_nonsense_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)
    for words in (["--quality=0"], ["--percent=101"], ["--processes=none"], ["--mode=best"]):
        with pytest.raises(CommandError):
            run(tmp_path / "a.jpg", tmp_path / "out", *words)
    with pytest.raises(CommandError, match="nothing at"):
        run(tmp_path / "b.jpg", tmp_path / "out")
    with pytest.raises(CommandError, match="no folder"):
        run(tmp_path / "a.jpg", tmp_path / "a.jpg")


def test_bar_is_drawn_on_a_terminal_alone(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)
    _, _, told = run(tmp_path / "a.jpg", tmp_path / "out", stderr=Terminal())
    assert "] 1 of 1" in told
    _, _, told = run(tmp_path / "a.jpg", tmp_path / "out")
    assert "of 1" not in told


def test_without_json_files_are_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(JPEG)
    (tmp_path / "in" / "b.jpg").write_bytes(b"")
    stdout = io.StringIO()
    with pytest.raises(SystemExit):
        call_command(
            "compress", str(tmp_path / "in"), f"--out={tmp_path / 'out'}", stdout=stdout, stderr=io.StringIO()
        )
    said = stdout.getvalue()
    assert f"{tmp_path / 'out' / 'a.jpg'}: completed, {len(JPEG):,} →" in said
    assert "b.jpg: not_an_image" in said
