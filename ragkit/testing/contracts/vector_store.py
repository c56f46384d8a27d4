"""`VectorStoreContract`: what a vector store promises its users."""

# ruff: noqa: S101  # a suite is made of asserts

from __future__ import annotations

from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from ragkit._optional import require
from ragkit.testing.contracts.promises import at_once, kept, shown
from ragkit.testing.hashing import HashingEmbeddings

with require(feature="VectorStoreContract", package="langchain_tests", extra="testing"):
    import pytest
    from langchain_tests.integration_tests import VectorStoreIntegrationTests

__all__ = ["VectorStoreContract"]

_TEXTS = (
    "a red boat on the lake",
    "trams and trains in the city",
    "bread with butter and honey",
    "stars in the night sky",
)
_UNICODE = "Zürich 日本語 🚋 e\u0301 שלום\nsecond line\ttab"


class VectorStoreContract(VectorStoreIntegrationTests):
    """LangChain's suite, and promises about ids, filters, scores, persistence, text and callers at once.

    A subclass gives the fixture `vectorstore`: an empty store that embeds with `self.get_embeddings()`. It tells by
    the properties below what does not apply.
    """

    @staticmethod
    def get_embeddings() -> Embeddings:
        """Give embeddings under which texts that share words are near each other."""
        return HashingEmbeddings(dim=64)

    @property
    def has_scores(self) -> bool:
        """Whether `similarity_search_with_score` is there."""
        return True

    def filter_of(self, field: str, value: str) -> dict[str, Any] | None:
        """Give the keywords of a search for documents whose field has this value; None where there is no filter."""
        return {"filter": {field: value}}

    def reopened(self, vectorstore: VectorStore) -> VectorStore | None:
        """Close a store and open what it kept, as another process would; None if it keeps nothing."""
        return None

    def test_adding_an_id_again_replaces_its_document(self, vectorstore: VectorStore) -> None:
        """The new text is found, the old one is gone, and there is one document."""
        self._add(vectorstore, "a", "an old story of boats")
        self._add(vectorstore, "a", "bread and butter")
        assert shown(vectorstore.similarity_search("an old story of boats", k=5)) == [("a", "bread and butter")]

    def test_ids_are_given_back_in_order(self, vectorstore: VectorStore) -> None:
        """Given ids are kept; documents without one get one each."""
        given = vectorstore.add_documents([Document(page_content=text, id=f"id {text}") for text in _TEXTS])
        assert given == [f"id {text}" for text in _TEXTS]
        assert len(set(vectorstore.add_documents([Document(page_content=text) for text in _TEXTS]))) == len(_TEXTS)

    def test_a_document_is_nearest_to_its_own_text(self, vectorstore: VectorStore) -> None:
        """The search finds what it looks for."""
        self._fill(vectorstore)
        for text in _TEXTS:
            assert vectorstore.similarity_search(text, k=1)[0].page_content == text

    def test_a_filtered_search_gives_all_that_pass_up_to_k(self, vectorstore: VectorStore) -> None:
        """Neither fewer because the nearest do not pass, nor any that do not pass."""
        passing = self.filter_of("colour", "red")
        if passing is None:
            pytest.skip("the store has no filters")
        documents = [
            Document(page_content=f"boat number {n}", id=str(n), metadata={"colour": "red" if n >= 33 else "blue"})
            for n in range(40)
        ]
        vectorstore.add_documents(documents)
        for k in (1, 3, 7, 20):
            found = vectorstore.similarity_search("boat number 1", k=k, **passing)
            assert len(found) == min(k, 7), f"k={k}: 7 documents pass"
            assert {document.metadata["colour"] for document in found} == {"red"}

    def test_k_beyond_the_store_gives_every_document_once(self, vectorstore: VectorStore) -> None:
        """No filler, no repetition, no error."""
        self._fill(vectorstore)
        found = vectorstore.similarity_search("boat", k=len(_TEXTS) + 10)
        assert sorted(document.page_content for document in found) == sorted(_TEXTS)

    def test_a_smaller_k_gives_the_first_of_a_larger_one(self, vectorstore: VectorStore) -> None:
        """The order does not depend on how many are asked for."""
        self._fill(vectorstore)
        larger = shown(vectorstore.similarity_search("boat in the city", k=len(_TEXTS)))
        assert shown(vectorstore.similarity_search("boat in the city", k=2)) == larger[:2]

    def test_an_empty_store_finds_nothing(self, vectorstore: VectorStore) -> None:
        """No error before the first document, nor after the last one is deleted."""
        assert vectorstore.similarity_search("boat", k=3) == []
        self._add(vectorstore, "a", "a boat")
        vectorstore.delete(["a"])
        assert vectorstore.similarity_search("boat", k=3) == []

    def test_deleting_a_missing_id_changes_nothing(self, vectorstore: VectorStore) -> None:
        """Known ids beside it are deleted all the same."""
        self._fill(vectorstore)
        vectorstore.delete(["no such id"])
        assert len(vectorstore.similarity_search("boat", k=10)) == len(_TEXTS)
        vectorstore.delete(["no such id", "0"])
        assert len(vectorstore.similarity_search("boat", k=10)) == len(_TEXTS) - 1

    def test_deleted_documents_are_not_found(self, vectorstore: VectorStore) -> None:
        """Not by search and not by id; what is added again is there again."""
        self._fill(vectorstore)
        vectorstore.delete(["0"])
        assert _TEXTS[0] not in [document.page_content for document in vectorstore.similarity_search(_TEXTS[0], k=10)]
        if self.has_get_by_ids:
            assert vectorstore.get_by_ids(["0"]) == []
        self._add(vectorstore, "0", _TEXTS[0])
        assert _TEXTS[0] in [document.page_content for document in vectorstore.similarity_search(_TEXTS[0], k=10)]

    def test_higher_scores_are_better(self, vectorstore: VectorStore) -> None:
        """Scores fall from hit to hit, and an equal text has a higher one than a far text."""
        if not self.has_scores:
            pytest.skip("the store gives no scores")
        self._fill(vectorstore)
        scores = [score for _, score in vectorstore.similarity_search_with_score(_TEXTS[0], k=len(_TEXTS))]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] > scores[-1], "the best and the worst hit have the same score"

    def test_identical_texts_are_documents_of_their_own(self, vectorstore: VectorStore) -> None:
        """Two ids with one text are two documents."""
        self._add(vectorstore, "a", "a boat")
        self._add(vectorstore, "b", "a boat")
        assert sorted(shown(vectorstore.similarity_search("a boat", k=5))) == [("a", "a boat"), ("b", "a boat")]

    def test_text_ids_and_metadata_come_back_unchanged(self, vectorstore: VectorStore) -> None:
        """Whatever the script, with its line breaks, and not normalised."""
        metadata = {"title": _UNICODE, "year": 2020, "draft": False}
        document = Document(page_content=_UNICODE, id="Zürich/日本 1", metadata=metadata)
        vectorstore.add_documents([kept(document)])
        (found,) = vectorstore.similarity_search(_UNICODE, k=1)
        assert (found.page_content, found.id) == (_UNICODE, "Zürich/日本 1")
        assert {name: found.metadata.get(name) for name in metadata} == metadata

    def test_what_is_handed_in_is_not_changed(self, vectorstore: VectorStore) -> None:
        """Neither the documents nor their metadata."""
        documents = [Document(page_content=text, metadata={"tags": ["a"]}) for text in _TEXTS]
        before = kept(documents)
        vectorstore.add_documents(documents)
        assert documents == before

    def test_what_is_handed_out_can_be_changed(self, vectorstore: VectorStore) -> None:
        """Results are copies: the next search gives what was stored."""
        vectorstore.add_documents([Document(page_content="a boat", id="a", metadata={"colour": "red"})])
        found = vectorstore.similarity_search("a boat", k=1)[0]
        found.page_content, found.metadata["colour"] = "changed", "changed"
        again = vectorstore.similarity_search("a boat", k=1)[0]
        assert (again.page_content, again.metadata["colour"]) == ("a boat", "red")

    def test_a_reopened_store_holds_the_same(self, vectorstore: VectorStore) -> None:
        """Documents, deletions and the order of hits."""
        self._fill(vectorstore)
        vectorstore.delete(["1"])
        before = shown(vectorstore.similarity_search("boat in the city", k=10))
        again = self.reopened(vectorstore)
        if again is None:
            pytest.skip("the store keeps nothing")
        assert shown(again.similarity_search("boat in the city", k=10)) == before

    def test_readers_at_once_agree(self, vectorstore: VectorStore) -> None:
        """Searches from several threads give what one gives."""
        self._fill(vectorstore)
        alone = shown(vectorstore.similarity_search("boat in the city", k=3))
        assert all(
            found == alone for found in at_once(lambda: shown(vectorstore.similarity_search("boat in the city", k=3)))
        )

    async def test_async_searches_give_the_same(self, vectorstore: VectorStore) -> None:
        """The twin is a twin."""
        if not self.has_async:
            pytest.skip("the store has no async methods")
        await vectorstore.aadd_documents(_documents())
        found = await vectorstore.asimilarity_search("boat in the city", k=3)
        assert shown(found) == shown(vectorstore.similarity_search("boat in the city", k=3))

    def _fill(self, vectorstore: VectorStore) -> None:
        vectorstore.add_documents(_documents())

    def _add(self, vectorstore: VectorStore, document_id: str, text: str) -> None:
        vectorstore.add_documents([Document(page_content=text, id=document_id)])


def _documents() -> list[Document]:
    return [Document(page_content=text, id=str(place)) for place, text in enumerate(_TEXTS)]
