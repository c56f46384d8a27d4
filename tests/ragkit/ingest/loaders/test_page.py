from __future__ import annotations

import pytest

from ragkit.ingest.loaders.markup import join_blocks
from ragkit.ingest.loaders.page import declared_charset, read_page


@pytest.mark.parametrize("tag", ["nav", "footer", "aside", "script", "style", "noscript", "button", "template", "svg"])
def test_what_is_no_content_is_left_out(tag: str) -> None:
    assert join_blocks(read_page(f"<body><p>a</p><{tag}>menu<br><p>more</p></{tag}><p>b</p>").blocks()) == "a\n\nb"


def test_hidden_elements_are_left_out() -> None:
    assert join_blocks(read_page("<p>a</p><div hidden>b<img></div><p>c</p><img hidden><p>d").blocks()) == "a\n\nc\n\nd"


def test_head_data_is_gathered() -> None:
    page = read_page(
        '<html lang="en"><head><title>Page - Site</title><meta property="og:title" content="The &amp;amp; Page">'
        '<meta name="description" content=" Of\n things "><link rel="canonical" href="https://example.org/p">'
        '<meta property="article:published_time" content="2024-02-29T10:00:00Z"><body>x'
    )
    assert page.title == "The & Page"
    assert page.about == {
        "lang": "en",
        "description": "Of things",
        "url": "https://example.org/p",
        "date": "2024-02-29",
    }


def test_the_title_element_serves_without_og_title() -> None:
    assert read_page("<title> A \n page</title><svg><title>icon</title></svg>").title == "A page"


def test_a_date_in_linked_data_serves() -> None:
    page = read_page('<script type="application/ld+json">{"datePublished": "2020-01-02T03:04"}</script>')
    assert page.about == {"date": "2020-01-02"}


def test_linked_data_without_a_date_is_passed_over() -> None:
    assert read_page('<script type="application/ld+json">{"a": 1}</script>').about == {}


def test_a_date_that_is_no_iso_date_is_passed_over() -> None:
    assert read_page('<meta name="date" content="yesterday"><meta name="x" content="y"><meta>').about == {}


def test_comments_are_no_text() -> None:
    assert join_blocks(read_page("<body><!-- no --><p>a</p>").blocks()) == "a"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b'<meta charset="iso-8859-2">', "iso-8859-2"),
        (b'<META http-equiv="Content-Type" content="text/html; charset=Shift_JIS">', "Shift_JIS"),
        (b"<p>charset=x</p>", None),
    ],
)
def test_the_declared_charset_is_found(data: bytes, name: str | None) -> None:
    assert declared_charset(data) == name
