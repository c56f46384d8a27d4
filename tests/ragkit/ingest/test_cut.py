from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.encoder import EncoderCard, Vectors
from ragkit.errors import ConfigError
from ragkit.ingest.cut import ChunkerSettings, Cutter
from ragkit.ingest.document import LoadedDocument, PageStart
from ragkit.store.records import index_text

if TYPE_CHECKING:
    from collections.abc import Sequence

CARD = EncoderCard(model="m", dim=2, max_tokens=256)


class Counter:
    """An encoder that counts words and two special tokens, and a stutter where a text starts with a bracket."""

    def __init__(self, *, prompt: str = "") -> None:
        self.card = EncoderCard(model="m", dim=2, max_tokens=256, document_prompt=prompt)

    def count_tokens(self, text: str) -> int:
        return 2 + len(text.split()) + 3 * text.count("\n[")

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        return np.zeros((len(texts), 2), dtype=np.float32)

    encode_queries = encode_documents


def cutter(*, chunk_tokens: int = 32, overlap: int = 0, prompt: str = "") -> Cutter:
    return Cutter(Counter(prompt=prompt), ChunkerSettings(chunk_tokens=chunk_tokens, overlap=overlap))


def test_the_default_is_what_the_model_reads() -> None:
    assert ChunkerSettings.choose(CARD) == ChunkerSettings(chunk_tokens=256, overlap=1)


@pytest.mark.parametrize(("max_tokens", "chosen"), [(None, 256), (128, 128), (8192, 512)])
def test_the_default_is_bounded_where_the_model_reads_much_or_nobody_knows(max_tokens: int | None, chosen: int) -> None:
    assert ChunkerSettings.choose(EncoderCard(model="m", dim=2, max_tokens=max_tokens)).chunk_tokens == chosen


def test_stored_settings_are_used_when_nothing_is_asked() -> None:
    stored = {"chunk_tokens": 100, "overlap": 0}
    assert ChunkerSettings.choose(CARD, stored=stored).as_dict() == stored
    assert ChunkerSettings.choose(CARD, stored=stored, chunk_tokens=100, overlap=0).as_dict() == stored


def test_other_settings_than_the_stored_are_refused() -> None:
    with pytest.raises(ConfigError, match="chunk_tokens is 64, but the collection was built with 100: leave it out"):
        ChunkerSettings.choose(CARD, stored={"chunk_tokens": 100}, chunk_tokens=64)
    with pytest.raises(ConfigError, match="overlap is 2, but the collection was built with 0"):
        ChunkerSettings.choose(CARD, stored={"overlap": 0}, overlap=2)


def test_more_than_the_model_reads_is_refused() -> None:
    with pytest.raises(ConfigError, match="chunk_tokens is 300, but m reads 256 tokens"):
        ChunkerSettings.choose(CARD, chunk_tokens=300)


@pytest.mark.parametrize(("tokens", "overlap", "message"), [(31, 1, "at least 32, got 31"), (64, -1, "at least 0")])
def test_values_out_of_range_are_refused(tokens: int, overlap: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ChunkerSettings.choose(CARD, chunk_tokens=tokens, overlap=overlap)


def test_context_is_title_and_headings() -> None:
    text = "# One\n\n" + "word " * 20 + "\n\n## Two\n\n" + "more " * 20
    document = LoadedDocument(doc_id="a", text=text, title="Book", markdown=True)
    assert [chunk.context for chunk in cutter().cut(document)] == ["Book", "Book > One"]


def test_the_title_is_not_repeated_where_the_chunk_begins_with_it() -> None:
    text = "# Book\n\n" + "word. " * 27 + "\n\nlast words " * 3
    document = LoadedDocument(doc_id="a", text=text, title="Book", markdown=True)
    assert {chunk.context for chunk in cutter().cut(document)[:1]} == {""}
    assert {chunk.context for chunk in cutter().cut(document)[1:]} == {"Book"}


def test_a_long_context_is_shortened_from_the_middle() -> None:
    text = "# A first heading\n\n## A second one\n\n### Third\n\n" + "word " * 40
    document = LoadedDocument(doc_id="a", text=text, title="Short book", markdown=True)
    assert cutter().cut(document)[-1].context == "Short book > Third"


def test_a_title_of_endless_words_is_cut() -> None:
    document = LoadedDocument(doc_id="a", text="word " * 40, title="title " * 50)
    assert cutter().cut(document)[0].context == "title title title title title title"


def test_chunks_stay_on_their_page() -> None:
    text = "one two three.\n\nfour five."
    document = LoadedDocument(doc_id="a", text=text, pages=(PageStart(1, 0), PageStart(3, 16)))
    assert [(text[chunk.start : chunk.end]) for chunk in cutter().cut(document)] == ["one two three.", "four five."]


def test_the_context_gives_way_where_the_whole_counts_more_than_its_parts() -> None:
    document = LoadedDocument(doc_id="a", text="[" + " word" * 29, title="A title")
    chunks = cutter().cut(document)
    assert all(Counter().count_tokens(index_text(document.text[c.start : c.end], c.context)) <= 32 for c in chunks)


words = st.sampled_from(
    ["word", "[note]", "Dr.", "end.", "\n", "\n\n", "# Head\n", "\n## Sub head of it\n", "- item\n", "```\n"]
)


@given(st.lists(words, max_size=200), st.lists(words, max_size=20), st.sampled_from(["", "passage: "]))
@settings(max_examples=50, deadline=None)
def test_a_chunk_with_its_context_always_fits(pieces: list[str], title: list[str], prompt: str) -> None:
    document = LoadedDocument(doc_id="a", text=" ".join(pieces), title=" ".join(" ".join(title).split()), markdown=True)
    by = cutter(overlap=1, prompt=prompt)
    for chunk in by.cut(document):
        assert by.count(index_text(document.text[chunk.start : chunk.end], chunk.context)) <= 32
        assert by.count(chunk.context) <= 8 or not chunk.context


def test_a_word_without_end_is_cut_though_the_model_counts_it_as_one() -> None:
    blob = "a" * 10_000
    chunks = cutter(chunk_tokens=64).cut(LoadedDocument(doc_id="a", text=blob, source="a", markdown=False))
    assert "".join(blob[piece.start : piece.end] for piece in chunks) == blob
    assert max(piece.end - piece.start for piece in chunks) < 65 * 16
