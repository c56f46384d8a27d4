"""Searches tell whose vectors they compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ragkit.errors import IndexMismatchError
from ragkit.ingest.reindex import reindex
from ragkit.store.searching import with_encoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from ragkit.encoder import Encoder
    from ragkit.store.collection import Collection

Put = "Callable[..., None]"


def test_moment_refuses_an_encoder_that_did_not_make_its_vectors(
    collection: Collection, put: Put, word_encoder: Callable[..., Encoder]
) -> None:
    put({"a": "cat"})
    with collection.moment(encoder=word_encoder()) as moment:  # another object of the same model
        assert moment.rows == 1
    with pytest.raises(IndexMismatchError, match="was built with words"), collection.moment(encoder=word_encoder("2")):
        pass


def test_search_that_the_collection_was_rebuilt_under_asks_again_with_the_new_encoder(
    collection: Collection, put: Put, word_encoder: Callable[..., Encoder]
) -> None:
    put({"a": "cat"})
    old, new = collection.encoder, word_encoder("2", dim=7)
    asked = []

    def ask(encoder: Encoder | None) -> int:
        asked.append(encoder)
        if encoder is old:
            reindex(collection, new)
        with collection.moment(encoder=encoder) as moment:
            return moment.rows

    assert with_encoder(collection, None, ask) == 1
    assert asked == [old, new]


def test_encoder_of_the_caller_is_not_replaced_by_that_of_the_collection(
    collection: Collection, put: Put, word_encoder: Callable[..., Encoder]
) -> None:
    put({"a": "cat"})
    own = word_encoder()
    reindex(collection, word_encoder("2"))

    def ask(encoder: Encoder | None) -> None:
        with collection.moment(encoder=encoder):
            pass

    with pytest.raises(IndexMismatchError, match="was built with words"):
        with_encoder(collection, own, ask)
