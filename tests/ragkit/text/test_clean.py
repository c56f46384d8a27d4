from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.text.clean import normalise


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("\ufeffone", "one"),
        ("one\n\ufefftwo", "one\ntwo"),
        ("a\r\nb\rc\n", "a\nb\nc\n"),
        ("a\r\r\nb", "a\n\nb"),
        ("page\x0cpage\x0bline\x85line\u2028line\u2029end", "page\npage\nline\nline\nline\nend"),
        ("a\x00b\x1bc\x7fd\x9fe", "a b c d e"),
        ("tab\tstays", "tab\tstays"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("", ""),
    ],
)
def test_normalise_gives_the_stored_form(raw: str, clean: str) -> None:
    assert normalise(raw) == clean


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(codec=None)))
def test_normalise_twice_is_normalise_once(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(codec=None)))
def test_normalised_text_can_be_stored_as_utf_8_without_control_characters(text: str) -> None:
    stored = normalise(text)
    assert stored.encode().decode() == stored
    assert not set(stored) & {chr(code) for code in range(32) if chr(code) not in "\t\n"}


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_only_byte_order_marks_and_crlf_change_the_length(text: str) -> None:
    assert len(text) - len(normalise(text)) == text.count("\ufeff") + text.replace("\ufeff", "").count("\r\n")
