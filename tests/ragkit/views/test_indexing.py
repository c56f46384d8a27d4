"""`langchain_core.indexing.index` over a collection: what is unchanged is never embedded again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.documents import Document
from langchain_core.indexing import aindex, index

from ragkit.store.collection import Collection
from ragkit.views.record_manager import CollectionRecordManager
from ragkit.views.vector_store import FaissVectorStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conftest import CountingEmbeddings


def book(chunks: int, source: str = "book.txt", **changed: str) -> list[Document]:
    """One source of many chunks; `changed` names chunks of other text, as `_7="..."`."""
    texts = {number: f"{source} says {number}" for number in range(chunks)}
    texts |= {int(name[1:]): text for name, text in changed.items()}
    return [Document(page_content=text, metadata={"source": source}) for text in texts.values()]


class Indexed:
    """A store with its records, and `index` with the arguments that stay the same."""

    def __init__(self, store: FaissVectorStore) -> None:
        self.store = store
        self.records = CollectionRecordManager("docs", store.collection)

    def __call__(self, documents: Sequence[Document], cleanup: str | None, **options: Any) -> tuple[int, int, int]:
        """Give how many were added, skipped and deleted."""
        done = index(documents, self.records, self.store, **self._arguments(cleanup), **options)
        return done["num_added"], done["num_skipped"], done["num_deleted"]

    async def call_async(self, documents: Sequence[Document], cleanup: str | None) -> tuple[int, int, int]:
        done = await aindex(documents, self.records, self.store, **self._arguments(cleanup))
        return done["num_added"], done["num_skipped"], done["num_deleted"]

    @staticmethod
    def _arguments(cleanup: str | None) -> dict[str, Any]:
        return {"cleanup": cleanup, "source_id_key": "source", "key_encoder": "blake2b"}

    def texts(self) -> list[str]:
        collection = self.store.collection
        return sorted(collection.text(document.doc_id) for document in collection.documents())


@pytest.fixture
def indexed(store: FaissVectorStore) -> Indexed:
    return Indexed(store)


def texts_of(documents: Sequence[Document]) -> list[str]:
    return sorted(document.page_content for document in documents)


def test_an_unchanged_source_of_a_thousand_chunks_is_embedded_once(
    indexed: Indexed, embeddings: CountingEmbeddings
) -> None:
    # LangChain's incremental cleanup deletes and adds again what stands in the later batches of one source
    # (langchain#32612); here that costs no embedding.
    documents = book(1_000)
    assert indexed(documents, "incremental") == (1_000, 0, 0)
    assert len(embeddings.embedded) == 1_000
    for _ in range(2):
        indexed(documents, "incremental")
        assert len(embeddings.embedded) == 1_000
        assert indexed.texts() == texts_of(documents)


def test_a_change_of_one_chunk_embeds_one(indexed: Indexed, embeddings: CountingEmbeddings) -> None:
    indexed(book(300), "incremental")
    embeddings.embedded.clear()
    changed = book(300, _150="Something else")
    indexed(changed, "incremental")
    assert embeddings.embedded == ["Something else"]
    assert indexed.texts() == texts_of(changed)
    indexed(book(300), "incremental")
    assert embeddings.embedded == ["Something else"]
    assert indexed.texts() == texts_of(book(300))


def test_the_same_holds_in_another_process(tmp_path: Path, embeddings: CountingEmbeddings) -> None:
    for _ in range(2):
        with FaissVectorStore(tmp_path / "again", embeddings) as store:
            Indexed(store)(book(250), "incremental")
    assert len(embeddings.embedded) == 250


@pytest.mark.parametrize("cleanup", ["incremental", "full", "scoped_full"])
def test_what_a_source_no_longer_says_leaves(indexed: Indexed, cleanup: str) -> None:
    indexed(book(5), cleanup)
    assert indexed(book(3), cleanup) == (0, 3, 2)
    assert indexed.texts() == texts_of(book(3))


def test_full_takes_out_other_sources_and_the_others_do_not(indexed: Indexed) -> None:
    one, other = book(3, "one"), book(2, "other")
    indexed([*one, *other], "full")
    for cleanup in ("incremental", "scoped_full", None):
        assert indexed(one, cleanup) == (0, 3, 0)
    assert indexed.texts() == texts_of([*one, *other])
    assert indexed(one, "full") == (0, 3, 2)
    assert indexed.texts() == texts_of(one)


def test_without_cleanup_old_texts_stay(indexed: Indexed) -> None:
    indexed(book(3), None)
    changed = book(3, _0="Something else")
    assert indexed(changed, None) == (1, 2, 0)
    assert len(indexed.texts()) == 4


def test_a_forced_update_writes_everything_and_embeds_nothing(indexed: Indexed, embeddings: CountingEmbeddings) -> None:
    indexed(book(20), "full")
    before = indexed.store.collection.sequence
    assert indexed(book(20), "full", force_update=True) == (0, 0, 0)
    assert indexed.store.collection.sequence > before
    assert len(embeddings.embedded) == 20


def test_equal_chunks_are_indexed_once(indexed: Indexed, embeddings: CountingEmbeddings) -> None:
    assert indexed([*book(2), *book(2)], "full") == (2, 2, 0)
    assert len(embeddings.embedded) == 2


def test_one_text_in_two_sources_is_two_documents_and_one_embedding(
    indexed: Indexed, embeddings: CountingEmbeddings
) -> None:
    documents = [Document(page_content="the same", metadata={"source": source}) for source in ("one", "other")]
    assert indexed(documents, "full") == (2, 0, 0)
    assert embeddings.embedded == ["the same"]
    assert indexed(documents[1:], "full") == (0, 1, 1)
    (found,) = indexed.store.similarity_search("the same", k=5)
    assert found.metadata == {"source": "other"}


@pytest.mark.parametrize("cleanup", [None, "incremental", "full", "scoped_full"])
async def test_aindex_does_the_same(indexed: Indexed, embeddings: CountingEmbeddings, cleanup: str | None) -> None:
    assert await indexed.call_async(book(130), cleanup) == (130, 0, 0)
    await indexed.call_async(book(130), cleanup)
    assert len(embeddings.embedded) == 130
    assert indexed.texts() == texts_of(book(130))


def test_a_run_that_died_before_its_records_were_written_is_repeated_without_embedding(
    indexed: Indexed, embeddings: CountingEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(indexed.records, "update", die)
        with pytest.raises(KeyboardInterrupt):
            indexed(book(10), "incremental")
    assert indexed(book(10), "incremental") == (10, 0, 0)
    assert len(embeddings.embedded) == 10
    assert indexed.texts() == texts_of(book(10))


def test_records_may_lie_in_another_collection(tmp_path: Path, store: FaissVectorStore) -> None:
    with Collection.open(tmp_path / "records", dim=1) as collection:
        records = CollectionRecordManager("docs", collection)
        for _ in range(2):
            done = index(book(3), records, store, cleanup="full", source_id_key="source", key_encoder="sha256")
        assert done["num_skipped"] == 3
