from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.ingest.cut import ChunkerSettings
from ragkit.ingest.document import LoadedDocument, PageStart
from ragkit.ingest.fingerprint import Fingerprint, content_digest, file_digest

DOCUMENT = LoadedDocument(doc_id="a", text="t", title="T", metadata={"x": 1, "y": 2})
SETTINGS = ChunkerSettings(chunk_tokens=64)


@given(st.text(), st.sampled_from(["", "0f"]))
@settings(max_examples=50, deadline=None)
def test_what_is_encoded_is_decoded(origin: str, file: str) -> None:
    fingerprint = Fingerprint(content="c0", file=file, origin=origin)
    assert Fingerprint.decode(fingerprint.encode()) == fingerprint


@pytest.mark.parametrize("text", ["", "abc", "a:b"])
def test_a_foreign_hash_equals_none_of_ours(text: str) -> None:
    assert Fingerprint.decode(text) == Fingerprint("", "", "")


@pytest.mark.parametrize(
    "other",
    [
        {"text": "u"},
        {"title": "U"},
        {"metadata": {"x": 1}},
        {"pages": (PageStart(1, 0),)},
        {"markdown": True},
    ],
)
def test_whatever_is_stored_or_decides_the_cut_changes_the_digest(other: dict[str, object]) -> None:
    assert content_digest(replace(DOCUMENT, **other), SETTINGS) != content_digest(DOCUMENT, SETTINGS)  # type: ignore[arg-type]


def test_the_cut_changes_the_digest() -> None:
    assert content_digest(DOCUMENT, ChunkerSettings(chunk_tokens=65)) != content_digest(DOCUMENT, SETTINGS)


def test_source_and_order_of_fields_do_not_change_the_digest() -> None:
    same = replace(DOCUMENT, source="elsewhere", metadata={"y": 2, "x": 1})
    assert content_digest(same, SETTINGS) == content_digest(DOCUMENT, SETTINGS)


def test_the_digest_of_a_file_is_that_of_its_bytes() -> None:
    assert file_digest(b"a") == file_digest(b"a") != file_digest(b"b")
