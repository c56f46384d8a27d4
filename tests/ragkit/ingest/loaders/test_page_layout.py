from __future__ import annotations

import pytest

from ragkit.ingest.loaders.page_layout import Line, is_figures, page_text


def lines(*rows: tuple[str, float]) -> list[Line]:
    return [Line(text, top=y + 10, bottom=y) for text, y in rows]


def test_a_wider_gap_starts_a_paragraph() -> None:
    assert page_text(lines(("a", 100), ("b", 89), ("c", 70), ("d", 59))) == "a\nb\n\nc\nd"


def test_double_spaced_lines_stay_one_paragraph() -> None:
    assert page_text(lines(("a", 100), ("b", 78), ("c", 56), ("d", 34))) == "a\nb\nc\nd"


def test_another_column_starts_a_paragraph() -> None:
    assert page_text(lines(("a", 40), ("b", 29), ("top", 700), ("next", 689))) == "a\nb\n\ntop\nnext"


def test_cells_side_by_side_stay_together() -> None:
    assert (
        page_text(lines(("January", 100), ("28,", 89), ("January", 100), ("29,", 89))) == "January\n28,\nJanuary\n29,"
    )


def test_rows_of_figures_stand_alone() -> None:
    rows = lines(
        ("Net sales $ 3,226.8 $ 2,729.4", 100), ("Comparable sales 15.6% 21.4%", 89), ("In all it was good", 78)
    )
    assert page_text(rows) == "Net sales $ 3,226.8 $ 2,729.4\n\nComparable sales 15.6% 21.4%\n\nIn all it was good"


@pytest.mark.parametrize("text", ["29, 2022.", "In 2022 we sold 3 stores to 2 firms.", "Page 3", "", "$ - $"])
def test_prose_is_no_row_of_figures(text: str) -> None:
    assert not is_figures(text)


def test_an_empty_page_has_no_text() -> None:
    assert page_text([]) == ""
