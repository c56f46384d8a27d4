"""`RetrieverContract`: what a retriever promises its users."""

# ruff: noqa: S101  # a suite is made of asserts

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from ragkit._optional import require
from ragkit.errors import RagkitError
from ragkit.testing.contracts.promises import at_once, kept

with require(feature="RetrieverContract", package="langchain_tests", extra="testing"):
    import pytest
    from langchain_tests.integration_tests import RetrieversIntegrationTests

__all__ = ["RetrieverContract"]


class RetrieverContract(RetrieversIntegrationTests):
    """LangChain's suite, and promises about order, ranks, scores, copies, wrong `k` and callers at once.

    A subclass gives `retriever_constructor`, `retriever_constructor_params` and `retriever_query_example`: a query for
    which the retriever finds three documents or more.
    """

    @property
    def source_documents(self) -> Sequence[Document]:
        """The very documents that the retriever was made from, where it was made from any."""
        return ()

    @property
    def refuses(self) -> type[Exception]:
        """What is raised for a `k` below 1."""
        return RagkitError

    def test_ranks_count_from_one(self, retriever: BaseRetriever) -> None:
        """Each document tells its rank under `metadata["ragkit"]["rank"]`."""
        found = self._ask(retriever, k=3)
        assert [_told(document, "rank") for document in found] == [1, 2, 3]

    def test_scores_fall_and_are_told(self, retriever: BaseRetriever) -> None:
        """Each document tells its score under `metadata["ragkit"]["score"]`; higher is better."""
        scores = [_told(document, "score") for document in self._ask(retriever, k=3)]
        assert all(isinstance(score, int | float) and math.isfinite(score) for score in scores), scores
        assert scores == sorted(scores, reverse=True)

    def test_a_smaller_k_gives_the_first_of_a_larger_one(self, retriever: BaseRetriever) -> None:
        """The order does not depend on how many are asked for."""
        assert _texts(self._ask(retriever, k=2)) == _texts(self._ask(retriever, k=3))[:2]

    def test_k_in_invoke_lasts_for_one_call(self, retriever: BaseRetriever) -> None:
        """The next call has the constructor's `k` again."""
        before = len(retriever.invoke(self.retriever_query_example))
        self._ask(retriever, k=1)
        assert len(retriever.invoke(self.retriever_query_example)) == before

    def test_a_k_below_one_is_refused(self, retriever: BaseRetriever) -> None:
        """An error, and not an empty list."""
        with pytest.raises(self.refuses):
            self._ask(retriever, k=0)

    def test_no_document_is_given_twice(self, retriever: BaseRetriever) -> None:
        """Where documents have ids, each stands once."""
        ids = [document.id for document in self._ask(retriever, k=3) if document.id is not None]
        assert len(ids) == len(set(ids))

    def test_the_same_query_gives_the_same_twice(self, retriever: BaseRetriever) -> None:
        """Documents, order and scores."""
        assert self._ask(retriever, k=3) == self._ask(retriever, k=3)

    def test_what_is_handed_out_can_be_changed(self, retriever: BaseRetriever) -> None:
        """Results are copies: the next call gives what was there."""
        found = self._ask(retriever, k=1)
        before = kept(found)
        found[0].page_content = "changed"
        found[0].metadata["changed"] = True
        assert self._ask(retriever, k=1) == before

    def test_what_is_handed_in_is_not_changed(self, retriever: BaseRetriever) -> None:
        """The documents that it was made from have no score written into them."""
        before = kept(list(self.source_documents))
        self._ask(retriever, k=3)
        assert list(self.source_documents) == before

    def test_callers_at_once_get_the_same(self, retriever: BaseRetriever) -> None:
        """Several threads share one retriever."""
        alone = self._ask(retriever, k=3)
        assert all(found == alone for found in at_once(lambda: self._ask(retriever, k=3)))

    def test_a_batch_gives_what_single_calls_give(self, retriever: BaseRetriever) -> None:
        """In the order of the queries."""
        query = self.retriever_query_example
        assert retriever.batch([query, query]) == [retriever.invoke(query)] * 2

    async def test_async_gives_the_same(self, retriever: BaseRetriever) -> None:
        """The twin is a twin."""
        arguments = {self.num_results_arg_name: 3}
        assert await retriever.ainvoke(self.retriever_query_example, None, **arguments) == self._ask(retriever, k=3)

    def _ask(self, retriever: BaseRetriever, *, k: int) -> list[Document]:
        return retriever.invoke(self.retriever_query_example, None, **{self.num_results_arg_name: k})


def _told(document: Document, name: str) -> Any:
    told = document.metadata.get("ragkit")
    assert isinstance(told, dict), "a document tells nothing under metadata['ragkit']"
    assert name in told, f"metadata['ragkit'] has no {name!r}"
    return told[name]


def _texts(documents: Sequence[Document]) -> list[str]:
    return [document.page_content for document in documents]
