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
    from ragkit.memory.histories.histories import ChatHistories as ChatHistories
    from ragkit.memory.rims.chain import with_memory as with_memory
    from ragkit.memory.rims.graph import memory_node as memory_node
    from ragkit.memory.strategies.buffer import BufferMemory as BufferMemory
    from ragkit.memory.strategies.combined import CombinedMemory as CombinedMemory
    from ragkit.memory.strategies.recall import RecallMemory as RecallMemory
    from ragkit.memory.strategies.summary import SummaryBufferMemory as SummaryBufferMemory
    from ragkit.memory.strategies.summary import SummaryMemory as SummaryMemory
    from ragkit.memory.strategies.tokens import TokenMemory as TokenMemory
    from ragkit.memory.strategies.window import WindowMemory as WindowMemory
    from ragkit.models.local.chat import LocalChatModel as LocalChatModel
    from ragkit.models.openai.chat import OpenAIChatModel as OpenAIChatModel
    from ragkit.prompts.few_shot import FewShot as FewShot
    from ragkit.prompts.library import load_prompt as load_prompt
    from ragkit.prompts.prompt import Prompt as Prompt
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
    "BufferMemory": "ragkit.memory.strategies.buffer",
    "ChatHistories": "ragkit.memory.histories.histories",
    "Citation": "ragkit.types",
    "Collection": "ragkit.store.collection",
    "CollectionRecordManager": "ragkit.views.record_manager",
    "CollectionStore": "ragkit.views.document_store",
    "CombinedMemory": "ragkit.memory.strategies.combined",
    "DenseRetriever": "ragkit.retrieve.retrievers",
    "FaissVectorStore": "ragkit.views.vector_store",
    "FewShot": "ragkit.prompts.few_shot",
    "Hit": "ragkit.types",
    "HybridRetriever": "ragkit.retrieve.retrievers",
    "LocalChatModel": "ragkit.models.local.chat",
    "OpenAIChatModel": "ragkit.models.openai.chat",
    "Prompt": "ragkit.prompts.prompt",
    "Rag": "ragkit.answer.rag",
    "RagkitError": "ragkit.errors",
    "RecallMemory": "ragkit.memory.strategies.recall",
    "SentenceEmbeddings": "ragkit.embed.embeddings",
    "SummaryBufferMemory": "ragkit.memory.strategies.summary",
    "SummaryMemory": "ragkit.memory.strategies.summary",
    "TokenMemory": "ragkit.memory.strategies.tokens",
    "WindowMemory": "ragkit.memory.strategies.window",
    "chat_model": "ragkit.compose",
    "load_prompt": "ragkit.prompts.library",
    "memory_node": "ragkit.memory.rims.graph",
    "open": "ragkit.compose",
    "with_memory": "ragkit.memory.rims.chain",
}

__all__ = sorted(_ROOM_OF)


def __getattr__(name: str) -> Any:
    if name in _ROOM_OF:
        return getattr(import_module(_ROOM_OF[name]), name)
    raise AttributeError(f"module 'ragkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOM_OF])
