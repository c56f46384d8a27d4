"""What was said before that is like what is asked now, from a vector store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.vectorstores import VectorStoreRetriever
from pydantic import Field

from ragkit.memory.classic.context import ContextMemory, value_of

__all__ = ["VectorStoreRetrieverMemory"]


class VectorStoreRetrieverMemory(ContextMemory):
    """Writes each context into a vector store as a document, and shows those that the retriever finds.

    `clear` leaves the store as it is. `ragkit.memory.RecallMemory` needs no store: it recalls the turns of a history.
    """

    retriever: VectorStoreRetriever = Field(exclude=True, repr=False)
    """Finds and takes documents, such as `store.as_retriever(search_kwargs={"k": 3})`."""
    memory_key: str = "history"
    input_key: str | None = None
    """Which input is searched for; the only one by default."""
    return_docs: bool = False
    """Whether the variable is a list of documents; else it is text."""
    exclude_input_keys: Sequence[str] = ()
    """Inputs that do not go into the documents."""

    @property
    def memory_variables(self) -> list[str]:
        """The only variable."""
        return [self.memory_key]

    def load_memory_variables(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Give what the retriever finds under `memory_key`.

        Raises:
            InputError: If it cannot be told which of several inputs is searched for.
        """
        return self._variables(self.retriever.invoke(self._query(inputs)))

    async def aload_memory_variables(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Give what the retriever finds under `memory_key`."""
        return self._variables(await self.retriever.ainvoke(self._query(inputs)))

    def save_context(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Write a document with all inputs and outputs, one line each."""
        self.retriever.add_documents([self._document(inputs, outputs)])

    async def asave_context(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Write a document with all inputs and outputs, one line each."""
        await self.retriever.aadd_documents([self._document(inputs, outputs)])

    def clear(self) -> None:
        """Do nothing: the store is its owner's to clear."""

    def _query(self, inputs: Mapping[str, Any]) -> str:
        return str(value_of(inputs, self.input_key, known=[self.memory_key, "stop"], named="input_key"))

    def _variables(self, documents: list[Document]) -> dict[str, Any]:
        text = "\n".join(document.page_content for document in documents)
        return {self.memory_key: documents if self.return_docs else text}

    def _document(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> Document:
        left_out = {*self.exclude_input_keys, self.memory_key}
        told = [(key, value) for key, value in inputs.items() if key not in left_out]
        return Document("\n".join(f"{key}: {value}" for key, value in [*told, *outputs.items()]))
