"""The memory classes that LangChain drops, under their names: `save_context`, `load_memory_variables`, `clear`.

    from ragkit.memory.classic import ConversationBufferMemory

Arguments and results are those of langchain-classic 1.0.8 (recorded outputs of it are compared in the tests). What is
better here, on purpose:
- nothing is ever deleted to keep a limit: `chat_memory` holds the whole conversation, the limit is on what is shown
- a tool call is never shown without its results, nor a result without its call
- tokens are counted without a network, and never as 0
- a summary that fails, is refused, cut off or empty keeps the turns it should stand for: they are shown until the next
  one succeeds; it is kept in `chat_memory`, so that it outlives the process where that does, and is erased with it
- the async twins do all that the others do; an empty summary is no message
- `save_context` also takes whole messages, so that tool calls and usage are not lost

Not here: the memories of entities, of a knowledge graph, and of services (Zep, Motorhead).

`CombinedMemory` is here only: `ragkit.memory.CombinedMemory` combines the memories of `strategies/`.

Open first: `context.py` (what all have in common), then `buffer.py`, `summary.py`, `recall.py`, `several.py`.
"""

from __future__ import annotations

from ragkit.memory.classic.buffer import (
    ConversationBufferMemory,
    ConversationBufferWindowMemory,
    ConversationStringBufferMemory,
    ConversationTokenBufferMemory,
)
from ragkit.memory.classic.context import ChatContextMemory, ContextMemory
from ragkit.memory.classic.recall import VectorStoreRetrieverMemory
from ragkit.memory.classic.several import CombinedMemory, ReadOnlySharedMemory, SimpleMemory
from ragkit.memory.classic.summary import ConversationSummaryBufferMemory, ConversationSummaryMemory

__all__ = [
    "ChatContextMemory",
    "CombinedMemory",
    "ContextMemory",
    "ConversationBufferMemory",
    "ConversationBufferWindowMemory",
    "ConversationStringBufferMemory",
    "ConversationSummaryBufferMemory",
    "ConversationSummaryMemory",
    "ConversationTokenBufferMemory",
    "ReadOnlySharedMemory",
    "SimpleMemory",
    "VectorStoreRetrieverMemory",
]
