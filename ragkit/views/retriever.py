"""`FaissRetriever`: what `FaissVectorStore.as_retriever` gives."""

from __future__ import annotations

from typing import Any

from langchain_core.vectorstores import VectorStoreRetriever
from pydantic import model_validator

__all__ = ["FaissRetriever"]

_SEARCH = ("k", "where", "exact")


class FaissRetriever(VectorStoreRetriever):
    """LangChain's retriever of a vector store, which also takes `k`, `where` and `exact` by themselves.

    `store.as_retriever(k=3)` is `store.as_retriever(search_kwargs={"k": 3})`, and as ever what is given to `invoke`
    wins over both.
    """

    @model_validator(mode="before")
    @classmethod
    def _own_arguments(cls, values: dict[str, Any]) -> dict[str, Any]:
        own = {name: value for name, value in values.items() if name in _SEARCH}
        others = {name: value for name, value in values.items() if name not in _SEARCH}
        return {**others, "search_kwargs": {**values.get("search_kwargs", {}), **own}}
