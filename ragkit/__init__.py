"""ragkit: answers from your own documents, with citations that are checked.

    import ragkit

    rag = ragkit.open("store")
    rag.sync(["handbook/"])
    answer = rag.ask("What is BM25?")

Importing ragkit is cheap: each name below loads its room on first use. Start reading at `ragkit/compose.py`, which
wires everything; the map of the house is in README.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragkit.answer.rag import Rag as Rag
    from ragkit.compose import chat_model as chat_model
    from ragkit.compose import open as open  # noqa: A004 - ragkit.open reads as it should
    from ragkit.embed.embeddings import SentenceEmbeddings as SentenceEmbeddings
    from ragkit.errors import RagkitError as RagkitError
    from ragkit.models.local.chat import LocalChatModel as LocalChatModel
    from ragkit.models.openai.chat import OpenAIChatModel as OpenAIChatModel
    from ragkit.retrieve.retrievers import BM25Retriever as BM25Retriever
    from ragkit.retrieve.retrievers import DenseRetriever as DenseRetriever
    from ragkit.retrieve.retrievers import HybridRetriever as HybridRetriever
    from ragkit.store.collection import Collection as Collection
    from ragkit.types import Answer as Answer
    from ragkit.types import AnswerSentence as AnswerSentence
    from ragkit.types import ArmScore as ArmScore
    from ragkit.types import Citation as Citation
    from ragkit.types import Hit as Hit
    from ragkit.views.document_store import CollectionStore as CollectionStore
    from ragkit.views.record_manager import CollectionRecordManager as CollectionRecordManager
    from ragkit.views.vector_store import FaissVectorStore as FaissVectorStore

__version__ = "0.1.0"

_ROOM_OF = {
    "Answer": "ragkit.types",
    "AnswerSentence": "ragkit.types",
    "ArmScore": "ragkit.types",
    "BM25Retriever": "ragkit.retrieve.retrievers",
    "Citation": "ragkit.types",
    "Collection": "ragkit.store.collection",
    "CollectionRecordManager": "ragkit.views.record_manager",
    "CollectionStore": "ragkit.views.document_store",
    "DenseRetriever": "ragkit.retrieve.retrievers",
    "FaissVectorStore": "ragkit.views.vector_store",
    "Hit": "ragkit.types",
    "HybridRetriever": "ragkit.retrieve.retrievers",
    "LocalChatModel": "ragkit.models.local.chat",
    "OpenAIChatModel": "ragkit.models.openai.chat",
    "Rag": "ragkit.answer.rag",
    "RagkitError": "ragkit.errors",
    "SentenceEmbeddings": "ragkit.embed.embeddings",
    "chat_model": "ragkit.compose",
    "open": "ragkit.compose",
}

__all__ = sorted(_ROOM_OF)


def __getattr__(name: str) -> Any:
    if name in _ROOM_OF:
        return getattr(import_module(_ROOM_OF[name]), name)
    raise AttributeError(f"module 'ragkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOM_OF])
