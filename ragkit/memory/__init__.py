"""What is remembered of a conversation: histories in SQLite, and what of them a model is shown.

    from ragkit.memory import ChatHistories, SummaryBufferMemory

Open first: `histories.py` (one file for all users and sessions), then
- `history.py`   one session of it, a `BaseChatMessageHistory`
- `memory.py`    the seam: what a memory gives to the next call and takes from it
- `strategies/`  buffer, window, tokens, summary, summary and buffer, recall, combined
- `compaction.py`  summaries that never split a tool call from its result and never lose what they stand for
- `chain.py`, `graph.py`  a memory around a plain chain, and as a LangGraph node
- `classic.py`   the names LangChain drops (`ConversationBufferMemory` …), on the memories above

May import: langchain-core; below it `ragkit.messages`, `ragkit.prompts`, `ragkit.encoder`, `ragkit.disk`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME_OF: dict[str, str] = {}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'ragkit.memory' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])
