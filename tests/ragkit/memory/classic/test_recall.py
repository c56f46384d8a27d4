from __future__ import annotations

from typing import Any

import pytest
from langchain_core.vectorstores import InMemoryVectorStore

from ragkit.errors import InputError
from ragkit.memory.classic import VectorStoreRetrieverMemory
from ragkit.testing import HashingEmbeddings


def memory(**options: Any) -> VectorStoreRetrieverMemory:
    store = InMemoryVectorStore(HashingEmbeddings())
    return VectorStoreRetrieverMemory(retriever=store.as_retriever(search_kwargs={"k": 1}), **options)


def test_a_document_holds_the_turn_and_not_the_memory() -> None:
    recall = memory(return_docs=True, exclude_input_keys=("context",))
    recall.save_context({"input": "pizza", "history": "old", "context": "long"}, {"output": "noted", "sources": "s"})
    (found,) = recall.load_memory_variables({"input": "pizza", "stop": ["x"]})["history"]
    assert found.page_content == "input: pizza\noutput: noted\nsources: s"


def test_what_is_searched_for_must_be_clear() -> None:
    with pytest.raises(InputError, match=r"one of \['a', 'b'\] must be chosen: say which as input_key"):
        memory().load_memory_variables({"a": "1", "b": "2"})


async def test_async_does_the_same() -> None:
    recall = memory(input_key="q")
    await recall.asave_context({"q": "pizza"}, {"output": "noted"})
    assert await recall.aload_memory_variables({"q": "pizza", "other": "x"}) == {"history": "q: pizza\noutput: noted"}
    await recall.aclear()
    assert "pizza" in recall.load_memory_variables({"q": "pizza"})["history"]
