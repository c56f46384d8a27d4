from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from ragkit.models.local.replies import StopTexts, TextStream


def of_bytes(ids: Sequence[int]) -> str:
    return bytes(ids).decode(errors="replace")


@given(text=st.text(max_size=40))
@settings(max_examples=50, deadline=None)
def test_the_pieces_of_a_text_are_the_text(backend: Tokenizer, text: str) -> None:
    ids = backend.encode(text, add_special_tokens=False).ids
    stream = TextStream(lambda some: backend.decode(some, skip_special_tokens=False))
    pieces = [*(stream.feed(token) for token in ids), stream.finish()]
    assert "".join(pieces) == backend.decode(ids, skip_special_tokens=False)


@given(text=st.text(max_size=20).filter(lambda text: "\N{REPLACEMENT CHARACTER}" not in text))
@settings(max_examples=50, deadline=None)
def test_no_piece_holds_half_a_character(text: str) -> None:
    stream = TextStream(of_bytes)
    for byte in text.encode():
        assert "\N{REPLACEMENT CHARACTER}" not in stream.feed(byte)
    assert stream.finish() == ""


def test_a_character_that_never_ends_is_told_at_the_end() -> None:
    stream = TextStream(of_bytes)
    assert [stream.feed(byte) for byte in b"a\xf0\x9f"] == ["a", "", ""]
    assert stream.finish() == "\N{REPLACEMENT CHARACTER}"
    assert stream.finish() == ""


def test_what_is_no_character_is_not_waited_for() -> None:
    stream = TextStream(of_bytes)
    pieces = [stream.feed(0xFF) for _ in range(40)]
    assert len("".join(pieces)) == 34  # two windows of 17 tokens are out
    assert stream.feed(ord("a")) == 6 * "\N{REPLACEMENT CHARACTER}" + "a"


def test_hidden_tokens_leave_no_trace() -> None:
    stream = TextStream(of_bytes, hidden={0})
    assert [stream.feed(byte) for byte in b"\xc3\x00\xa9\x00"] == ["", "", "é", ""]


def cut(text: str, stops: Sequence[str]) -> str:
    ends = [at for stop in stops if (at := text.find(stop)) >= 0]
    return text[: min(ends, default=len(text))]


STOPS = st.lists(st.text("ab", min_size=1, max_size=4), max_size=3)


@given(pieces=st.lists(st.text("abc", max_size=4), max_size=8), stops=STOPS)
@settings(max_examples=200, deadline=None)
def test_a_text_ends_before_its_first_stop_text_however_it_is_cut(pieces: list[str], stops: list[str]) -> None:
    ends = StopTexts(stops)
    shown = "".join(ends.feed(piece) for piece in pieces)
    assert cut("".join(pieces), stops).startswith(shown)
    assert ends.found == any(stop in "".join(pieces) for stop in stops)
    assert shown + ends.finish() == first_end("".join(pieces), pieces, stops)


def first_end(text: str, pieces: Sequence[str], stops: Sequence[str]) -> str:
    """The text up to the stop text that is whole first, piece by piece; of several in one piece the first."""
    so_far = ""
    for piece in pieces:
        so_far += piece
        if any(stop in so_far for stop in stops):
            return cut(so_far, stops)
    return text


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["one", "\n", "User", ":", " two"], ["one", "", "", "", ""]),
        (["one\n", "\nUser: two"], ["one", "\n"]),
        (["one\nUse", "less"], ["one", "\nUseless"]),
    ],
)
def test_only_what_may_begin_a_stop_text_is_held_back(pieces: list[str], shown: list[str]) -> None:
    stops = StopTexts(["\nUser:"])
    assert [stops.feed(piece) for piece in pieces] == shown


def test_what_was_held_back_for_nothing_is_given_at_the_end() -> None:
    stops = StopTexts(["END"])
    assert (stops.feed("an EN"), stops.finish(), stops.finish(), stops.found) == ("an ", "EN", "", False)
