"""Quotes in front of what could be a formula: put by an export, taken away by an import."""

from hypothesis import given
from hypothesis import strategies as st

from chatboost.core.exchange import cells

_QUOTED = st.text(st.sampled_from("' =+-@＝\t\r\n\x00ax"), max_size=6)


@given(st.lists(_QUOTED | st.text(max_size=20), min_size=1, max_size=5))
def test_csv_gives_back_what_was_written(texts: list[str]) -> None:
    written = [cells.guarded(text) for text in texts]
    assert not any(text.lstrip(" ")[:1] in set(cells.DANGEROUS) for text in written if text.strip(" "))
    assert cells.unguarded(written) == [text.replace("\x00", "") for text in texts]


@given(st.lists(_QUOTED, min_size=1, max_size=5))
def test_xlsx_gives_back_what_was_written(texts: list[str]) -> None:
    written = [cells.for_xlsx(text) for text in texts]
    assert cells.unguarded(written) == [text.replace("\x00", "") for text in texts]
