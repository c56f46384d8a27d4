from __future__ import annotations

from collections.abc import Callable

import pytest

from ragkit.errors import LoadError
from ragkit.ingest.document import SourceFile
from ragkit.ingest.loaders.html import load_html, with_lost_headings
from ragkit.ingest.loaders.markup import Block

Source = Callable[..., SourceFile]

PARAGRAPH = (
    "The harbour was built in 1907 by a company of fishermen, who wanted a place to land their boats in winter. "
    "It has been widened twice since, and today it shelters some two hundred vessels in the stormy months. "
)
PAGE = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>The harbour | Town news</title>
<meta name="description" content="How it came to be."></head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/news">News</a></li></ul></nav>
<main><article><h1>The harbour</h1><p>{PARAGRAPH}</p><h2>Ships</h2><p>{PARAGRAPH}<sup>[3]</sup></p>
<table><tr><th>Year</th><th>Ships</th></tr><tr><td>1907</td><td>12</td></tr><tr><td>1950</td><td>80</td></tr></table>
<ul><li>The first ship was the Anna.</li><li>The last was the Berta.</li></ul>
<pre><code>knots = 12
miles = 3</code></pre><p>{PARAGRAPH}</p></article></main>
<footer><p>All rights reserved. <a href="/imprint">Imprint</a></p></footer></body></html>"""


def test_main_content_comes_with_headings_tables_lists_and_code(source: Source) -> None:
    document = load_html(source("a.html"), PAGE.encode())
    assert document.title == "The harbour"
    assert document.metadata == {"lang": "en", "description": "How it came to be."}
    assert document.markdown
    for piece in (
        "# The harbour\n\nThe harbour was built",
        "\n\n## Ships\n\n",
        "| Year | Ships |\n| --- | --- |\n| 1907 | 12 |\n| 1950 | 80 |",
        "- The first ship was the Anna.\n- The last was the Berta.",
        "```\nknots = 12\nmiles = 3\n```",
    ):
        assert piece in document.text


@pytest.mark.parametrize("menu", ["Home", "News", "Imprint", "reserved", "[3]"])
def test_menus_footers_and_footnote_marks_are_left_out(source: Source, menu: str) -> None:
    assert menu not in load_html(source("a.html"), PAGE.encode()).text


def test_a_page_of_a_few_words_is_read_too(source: Source) -> None:
    document = load_html(source("a.html"), b"<html><body><p>Closed on Monday.</p></body></html>")
    assert document.text == "Closed on Monday."
    assert document.title == ""


def test_a_fragment_is_read_too(source: Source) -> None:
    assert load_html(source("a.html"), b"<p>Closed on Monday.</p>").text == "Closed on Monday."


def test_the_declared_encoding_is_used(source: Source) -> None:
    page = '<html><head><meta charset="iso-8859-2"></head><body><p>žluťoučký kůň</p></body></html>'
    assert load_html(source("a.html"), page.encode("iso8859-2")).text == "žluťoučký kůň"


@pytest.mark.parametrize("page", ["", "<html><body><script>app()</script></body></html>", "<nav>Home</nav>"])
def test_a_page_that_shows_nothing_is_refused(source: Source, page: str) -> None:
    with pytest.raises(LoadError, match=r"a\.html: the page shows no text"):
        load_html(source("a.html"), page.encode())


@pytest.mark.parametrize(
    "page",
    [
        "<div>" * 100_000 + "the end",
        "<ul><li>x" * 5_000 + "the end",
        "<table><tr><td>" * 5_000 + "the end",
        "<p>" + "<span>" * 20_000 + "the end",
    ],
)
def test_deep_nesting_is_survived(source: Source, page: str) -> None:
    assert "the end" in load_html(source("a.html"), f"<html><body>{page}".encode()).text


@pytest.mark.usefixtures("hang_guard")
def test_a_huge_page_is_read_to_its_end(source: Source) -> None:
    page = "<html><body>" + "".join(f"<p>Paragraph {n} has a few words in it.</p>" for n in range(120_000))
    text = load_html(source("a.html"), page.encode()).text
    assert text.endswith("Paragraph 119999 has a few words in it.")


@pytest.mark.usefixtures("hang_guard")
def test_a_table_of_very_many_cells_is_read_to_its_end(source: Source) -> None:
    page = "<table>" + "".join(f"<tr><td>{n}<td>x" for n in range(50_000))
    assert load_html(source("a.html"), page.encode()).text.endswith("| 49999 | x |")


def test_a_heading_that_the_extractor_dropped_comes_back_over_its_block() -> None:
    first, second = Block("paragraph", "One."), Block("item", "- Two.")
    seen = [
        Block("heading", "# Menu"),
        Block("paragraph", "x"),
        Block("heading", "# A"),
        Block("heading", "## B"),
        first,
    ]
    assert with_lost_headings([first, second], [*seen, Block("paragraph", "Two."), first]) == [
        Block("heading", "# A"),
        Block("heading", "## B"),
        first,
        second,
    ]


def test_a_heading_that_is_there_is_not_repeated() -> None:
    blocks = [Block("heading", "# A"), Block("paragraph", "One.")]
    assert with_lost_headings(blocks, blocks) == blocks
