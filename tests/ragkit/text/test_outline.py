from __future__ import annotations

import pytest

from ragkit.text.blocks import split_blocks
from ragkit.text.outline import Section, outline


def sections(text: str) -> list[Section]:
    return outline(text, split_blocks(text, markdown=True))


def test_each_heading_begins_a_section_below_those_of_higher_level() -> None:
    found = sections("Before.\n\n# A\n\ntext\n\n### B\n\n## C\n\n# D")
    assert [(s.level, s.above, s.title, len(s.blocks)) for s in found] == [
        (0, (), "", 1),
        (1, (), "A", 2),
        (3, ("A",), "B", 1),
        (2, ("A",), "C", 1),
        (1, (), "D", 1),
    ]


def test_path_ends_with_the_own_title() -> None:
    assert [s.path for s in sections("Before.\n\n# A\n\n## B")] == [(), ("A",), ("A", "B")]


def test_empty_titles_are_left_out_of_paths() -> None:
    assert [s.path for s in sections("# A\n\n##\n\n### B")] == [("A",), ("A",), ("A", "B")]


@pytest.mark.parametrize(
    ("heading", "title"),
    [
        ("## Closed ##", "Closed"),
        ("Underlined\n==========", "Underlined"),
        ("# **Bold** and `code`", "Bold** and `code"),
        ("# **Bold**", "Bold"),
        ("# See [the docs](https://example.org)", "See the docs"),
        ("# Anchored {#anchor}", "Anchored"),
        ("#  Two   spaces", "Two spaces"),
        ("# C#", "C#"),
        ("# #", ""),
        ("# -", "-"),
    ],
)
def test_title_is_the_heading_without_marks(heading: str, title: str) -> None:
    assert [s.title for s in sections(heading)] == [title]


def test_blank_text_has_no_sections() -> None:
    assert sections(" \n") == []
