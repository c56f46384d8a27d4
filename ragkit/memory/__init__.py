"""What is remembered of a conversation: histories in SQLite, and what of them a model is shown.

    from ragkit.memory import ChatHistories, SummaryBufferMemory

Open first: `histories/` (`histories.py` there: one file for all users and sessions), then
- `memory.py`    the seam: what a memory gives to the next call and takes from it; its values are in `selection.py`
- `strategies/`  buffer, window, tokens, summary, summary and buffer, recall, combined
- `timeline.py`, `fitting.py`  a history read in turns from its end, as much as a budget holds; `adapted.py` takes any
- `compaction.py`  summaries that never split a tool call from its result and never lose what they stand for
- `rims/`        a memory around a plain chain, as a LangGraph node, in `create_agent`, in `RunnableWithMessageHistory`
- `classic/`     the names LangChain drops (`ConversationBufferMemory` …), on the histories and summaries above

May import: langchain-core; below it `ragkit.messages`, `ragkit.prompts`, `ragkit.encoder`, `ragkit.disk`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragkit.memory.classic.buffer import ConversationBufferMemory as ConversationBufferMemory
    from ragkit.memory.classic.buffer import ConversationBufferWindowMemory as ConversationBufferWindowMemory
    from ragkit.memory.classic.buffer import ConversationStringBufferMemory as ConversationStringBufferMemory
    from ragkit.memory.classic.buffer import ConversationTokenBufferMemory as ConversationTokenBufferMemory
    from ragkit.memory.classic.recall import VectorStoreRetrieverMemory as VectorStoreRetrieverMemory
    from ragkit.memory.classic.several import ReadOnlySharedMemory as ReadOnlySharedMemory
    from ragkit.memory.classic.several import SimpleMemory as SimpleMemory
    from ragkit.memory.classic.summary import ConversationSummaryBufferMemory as ConversationSummaryBufferMemory
    from ragkit.memory.classic.summary import ConversationSummaryMemory as ConversationSummaryMemory
    from ragkit.memory.compaction import CompactionWarning as CompactionWarning
    from ragkit.memory.compaction import Summary as Summary
    from ragkit.memory.compaction import SummaryOptions as SummaryOptions
    from ragkit.memory.histories.erasing import Removed as Removed
    from ragkit.memory.histories.histories import ChatHistories as ChatHistories
    from ragkit.memory.histories.histories import Found as Found
    from ragkit.memory.histories.histories import Session as Session
    from ragkit.memory.histories.history import ChatHistory as ChatHistory
    from ragkit.memory.histories.history import HistoryWarning as HistoryWarning
    from ragkit.memory.histories.kept import Kept as Kept
    from ragkit.memory.histories.kept import Note as Note
    from ragkit.memory.memory import Memory as Memory
    from ragkit.memory.rims.agent import MemoryMiddleware as MemoryMiddleware
    from ragkit.memory.rims.chain import ChainWithMemory as ChainWithMemory
    from ragkit.memory.rims.chain import with_memory as with_memory
    from ragkit.memory.rims.graph import MemoryHooks as MemoryHooks
    from ragkit.memory.rims.graph import memory_hooks as memory_hooks
    from ragkit.memory.rims.graph import memory_node as memory_node
    from ragkit.memory.rims.session import SessionName as SessionName
    from ragkit.memory.rims.shown import ShownHistory as ShownHistory
    from ragkit.memory.selection import Asked as Asked
    from ragkit.memory.selection import LeftOut as LeftOut
    from ragkit.memory.selection import MemoryExplanation as MemoryExplanation
    from ragkit.memory.selection import Part as Part
    from ragkit.memory.selection import Selection as Selection
    from ragkit.memory.strategies.buffer import BufferMemory as BufferMemory
    from ragkit.memory.strategies.combined import CombinedMemory as CombinedMemory
    from ragkit.memory.strategies.recall import RecallMemory as RecallMemory
    from ragkit.memory.strategies.summary import SummaryBufferMemory as SummaryBufferMemory
    from ragkit.memory.strategies.summary import SummaryMemory as SummaryMemory
    from ragkit.memory.strategies.tokens import TokenMemory as TokenMemory
    from ragkit.memory.strategies.window import WindowMemory as WindowMemory

_HOME_OF: dict[str, str] = {
    "Asked": "ragkit.memory.selection",
    "BufferMemory": "ragkit.memory.strategies.buffer",
    "ChainWithMemory": "ragkit.memory.rims.chain",
    "ChatHistories": "ragkit.memory.histories.histories",
    "ChatHistory": "ragkit.memory.histories.history",
    "CombinedMemory": "ragkit.memory.strategies.combined",
    "CompactionWarning": "ragkit.memory.compaction",
    "ConversationBufferMemory": "ragkit.memory.classic.buffer",
    "ConversationBufferWindowMemory": "ragkit.memory.classic.buffer",
    "ConversationStringBufferMemory": "ragkit.memory.classic.buffer",
    "ConversationSummaryBufferMemory": "ragkit.memory.classic.summary",
    "ConversationSummaryMemory": "ragkit.memory.classic.summary",
    "ConversationTokenBufferMemory": "ragkit.memory.classic.buffer",
    "Found": "ragkit.memory.histories.histories",
    "HistoryWarning": "ragkit.memory.histories.history",
    "Kept": "ragkit.memory.histories.kept",
    "LeftOut": "ragkit.memory.selection",
    "Memory": "ragkit.memory.memory",
    "MemoryExplanation": "ragkit.memory.selection",
    "MemoryHooks": "ragkit.memory.rims.graph",
    "MemoryMiddleware": "ragkit.memory.rims.agent",
    "Note": "ragkit.memory.histories.kept",
    "Part": "ragkit.memory.selection",
    "ReadOnlySharedMemory": "ragkit.memory.classic.several",
    "RecallMemory": "ragkit.memory.strategies.recall",
    "Removed": "ragkit.memory.histories.erasing",
    "Selection": "ragkit.memory.selection",
    "Session": "ragkit.memory.histories.histories",
    "SessionName": "ragkit.memory.rims.session",
    "ShownHistory": "ragkit.memory.rims.shown",
    "SimpleMemory": "ragkit.memory.classic.several",
    "Summary": "ragkit.memory.compaction",
    "SummaryBufferMemory": "ragkit.memory.strategies.summary",
    "SummaryMemory": "ragkit.memory.strategies.summary",
    "SummaryOptions": "ragkit.memory.compaction",
    "TokenMemory": "ragkit.memory.strategies.tokens",
    "VectorStoreRetrieverMemory": "ragkit.memory.classic.recall",
    "WindowMemory": "ragkit.memory.strategies.window",
    "memory_hooks": "ragkit.memory.rims.graph",
    "memory_node": "ragkit.memory.rims.graph",
    "with_memory": "ragkit.memory.rims.chain",
}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'ragkit.memory' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])
