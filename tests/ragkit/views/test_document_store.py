"""Documents by key; LangChain's own suites for it are in test_standard.py."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pytest
from langchain_core.documents import Document

from ragkit.errors import InputError
from ragkit.store.collection import Collection
from ragkit.store.records import NewDocument
from ragkit.views.document_store import CollectionStore

if TYPE_CHECKING:
    from pathlib import Path

    from ragkit.views.vector_store import FaissVectorStore


@pytest.fixture
def kept(store: FaissVectorStore) -> CollectionStore:
    """Kept documents beside two that can be found."""
    store.add_texts(["a boat", "a train"], ids=["boat", "train"])
    return CollectionStore(store.collection)


def test_a_kept_document_is_not_found(kept: CollectionStore, store: FaissVectorStore) -> None:
    kept.mset([("report", Document(page_content="a boat and a train"))])
    assert {document.id for document in store.similarity_search("a boat and a train", k=10)} == {"boat", "train"}
    assert [hit.doc_id for hit in kept.collection.search_bm25(["train"], k=10)[0]] == ["train"]


def test_found_documents_are_not_in_it(kept: CollectionStore) -> None:
    assert list(kept.yield_keys()) == []
    assert kept.mget(["boat", "boat#0"]) == [None, None]
    kept.mdelete(["boat", "train"])
    assert len(kept.collection) == 2


def test_found_documents_are_not_overwritten(kept: CollectionStore) -> None:
    pairs = [("new", Document(page_content="new")), ("boat", Document(page_content="kept"))]
    with pytest.raises(InputError, match="'boat' is a document that searches find, and would be found no more"):
        kept.mset(pairs)
    assert kept.mget(["new"]) == [None]
    assert kept.collection.text("boat") == "a boat"


def test_clearing_it_leaves_the_rest(kept: CollectionStore) -> None:
    kept.mset([("a", Document(page_content="1")), ("b", Document(page_content="2"))])
    kept.mdelete(list(kept.yield_keys()))
    assert list(kept.yield_keys()) == []
    assert len(kept.collection) == 2


def test_a_synced_file_without_chunks_is_not_in_it(kept: CollectionStore) -> None:
    none = np.zeros((0, 6), dtype=np.float32)
    kept.collection.put(NewDocument(doc_id="empty.md", text="", root="/docs", source="empty.md"), none)
    assert kept.mget(["empty.md"]) == [None]
    kept.mdelete(["empty.md"])
    assert "empty.md" in kept.collection


def test_the_id_of_a_document_is_its_own(kept: CollectionStore) -> None:
    values = [Document(page_content="x"), Document(page_content="x", id="own"), Document(page_content="x", id="")]
    kept.mset([(str(place), value) for place, value in enumerate(values)])
    assert kept.mget(["0", "1", "2"]) == values


def test_an_empty_document_that_came_another_way_is_known_by_its_key(
    kept: CollectionStore, store: FaissVectorStore
) -> None:
    store.add_texts([""], ids=["empty"], metadatas=[{"n": 1}])
    assert kept.mget(["empty"]) == [Document(id="empty", page_content="", metadata={"n": 1})]


def test_documents_outlive_the_process(tmp_path: Path) -> None:
    value = Document(page_content="kept \U0001f600", metadata={"when": "2024", "deep": {"list": [1, None, True]}})
    with Collection.open(tmp_path / "kept", dim=2) as collection:
        CollectionStore(collection).mset([("a", value)])
    with Collection.open(tmp_path / "kept", read_only=True) as collection:
        assert CollectionStore(collection).mget(["a"]) == [value]
        assert list(CollectionStore(collection).yield_keys()) == ["a"]


def test_dates_come_back_as_text(kept: CollectionStore) -> None:
    kept.mset([("a", Document(page_content="x", metadata={"day": date(2024, 5, 1)}))])
    (found,) = kept.mget(["a"])
    assert found is not None
    assert found.metadata == {"day": "2024-05-01"}


def test_of_a_key_set_twice_the_last_value_counts(kept: CollectionStore) -> None:
    kept.mset([("a", Document(page_content="first")), ("a", Document(page_content="last"))])
    assert kept.mget(["a"]) == [Document(page_content="last")]


def test_what_is_no_document_is_refused(kept: CollectionStore) -> None:
    with pytest.raises(InputError, match="the value of 'a' must be a Document, got str"):
        kept.mset([("a", "text")])  # type: ignore[list-item]
    with pytest.raises(InputError, match="doc_id must be a non-empty text, got ''"):
        kept.mset([("", Document(page_content="x"))])


async def test_many_tasks_write_and_read_at_once(kept: CollectionStore) -> None:
    async def work(number: int) -> None:
        key, value = f"key {number}", Document(page_content=str(number))
        await kept.amset([(key, value)])
        assert await kept.amget([key]) == [value]

    await asyncio.gather(*(work(number) for number in range(30)))
    assert len([key async for key in kept.ayield_keys(prefix="key ")]) == 30
