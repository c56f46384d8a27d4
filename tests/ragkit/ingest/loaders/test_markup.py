from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.ingest.loaders.markup import first_heading, join_blocks
from ragkit.ingest.loaders.page import read_page


def shown(html: str) -> str:
    return join_blocks(read_page(html).blocks())


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>one  <b>bold</b>\n word</p><p>two</p>", "one bold word\n\ntwo"),
        ("<h1>Top</h1>text<h3>Low</h3>", "# Top\n\ntext\n\n### Low"),
        ("<h2> </h2><p>a</p>", "a"),
        ("<h2>History[edit]</h2>", "## History"),
        ("<ul><li>a<li><p>b</p><p>c</p></ul>d", "- a\n- b\n  c\n\nd"),
        ("<ol><li>a<ul><li>in</ul><li>b</ol>", "1. a\n  - in\n2. b"),
        ("<li>stray</li>", "stray"),
        ("one<br>two", "one\ntwo"),
        ("<pre>def f():\n    return 1\n</pre>", "```\ndef f():\n    return 1\n```"),
        ("<pre>```</pre>", "````\n```\n````"),
        ("<pre> </pre>a", "a"),
        ("<p># not a heading</p>", "\\# not a heading"),
        ("It rained.<sup>[12]</sup> Then<sup>2</sup> not.", "It rained. Then2 not."),
        ("<table><tr><th>a<th>b<tr><td>1<td>x|y</table>", "| a | b |\n| --- | --- |\n| 1 | x\\|y |"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "| a | b |\n| --- | --- |\n| c |  |"),
        ("<table><tr><td>a<p>b</p><ul><li>c</ul><td>d</table>", "| a b c | d |\n| --- | --- |"),
        ("<table><tr><td>only</table>", "only"),
        ("<table><caption>Cap</caption><tr><td>1<td>2</table>", "Cap\n\n| 1 | 2 |\n| --- | --- |"),
        ("<table><tr><td>menu<td><p>page</p><table><tr><td>1<td>2</table><td>end</table>",
         "menu\n\npage\n\n| 1 | 2 |\n| --- | --- |\n\nend"),
        ("<table><tr><td><pre>a\nb</pre><td>c</table>", "| a b | c |\n| --- | --- |"),
        ("<table></table>x", "x"),
    ],
)  # fmt: skip
def test_tags_become_markdown(html: str, markdown: str) -> None:
    assert shown(f"<body>{html}</body>") == markdown


def test_a_table_with_columns_of_prose_is_a_layout() -> None:
    text = "word " * 300
    assert (
        shown(f"<table><tr><td>menu</td><td><p>{text}</p><p>more</p></td></tr></table>")
        == f"menu\n\n{text.strip()}\n\nmore"
    )


@pytest.mark.parametrize("tag", ["div", "ul", "table", "b", "blockquote", "pre", "td", "sup", "h2"])
def test_depth_does_not_matter(tag: str) -> None:
    assert "the end" in shown(f"<body>{f'<{tag}>' * 20_000}the end")


TAGS = [
    f"<{slash}{tag}>" for tag in ("h1", "p", "ul", "li", "table", "tr", "td", "pre", "sup", "br") for slash in ("", "/")
]


@given(st.lists(st.sampled_from([*TAGS, "word ", "|"]), max_size=30))
@settings(max_examples=50, deadline=None)
def test_no_order_of_tags_loses_a_word(pieces: list[str]) -> None:
    html = "".join(pieces)
    assert shown(f"<body>{html}</body>").count("word") == html.count("word")


def test_the_first_heading_is_found() -> None:
    assert first_heading(read_page("<p>a</p><h2>Two</h2><h1>One</h1>").blocks()) == "Two"
    assert first_heading([]) == ""
