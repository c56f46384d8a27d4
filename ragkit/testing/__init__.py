"""For tests of programs that use ragkit, or any chat model, store or retriever of LangChain.

Never imported by the product.

    from ragkit.testing import HashingEmbeddings, ScriptedChatModel

- `scripted_chat.py`  a chat model that follows a script and remembers what it was asked
- `hashing.py`        embeddings without a model, near for texts that share words
- `contracts/`        suites to subclass for your own store, retriever, chat model or history
- `cassettes/`        recorded HTTP exchanges without secrets; `python -m ragkit.testing.cassettes check DIR`
- `generations.py`    recorded generations of a local model, replayed without its weights
- `scripts.py`        scripted models for judges and evaluations
- `plugin.py`         what pytest loads: cheap, and it does nothing until a test asks

May import every room. The names below are loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragkit.testing.cassettes.config import register as register
    from ragkit.testing.cassettes.config import vcr_config as vcr_config
    from ragkit.testing.contracts.chat_model import ChatModelContract as ChatModelContract
    from ragkit.testing.contracts.history import HistoryContract as HistoryContract
    from ragkit.testing.contracts.retriever import RetrieverContract as RetrieverContract
    from ragkit.testing.contracts.vector_store import VectorStoreContract as VectorStoreContract
    from ragkit.testing.generations import RecordedChatModel as RecordedChatModel
    from ragkit.testing.hashing import HashingEmbeddings as HashingEmbeddings
    from ragkit.testing.script import Call as Call
    from ragkit.testing.script import Delay as Delay
    from ragkit.testing.script import Pieces as Pieces
    from ragkit.testing.scripted_chat import ScriptedChatModel as ScriptedChatModel
    from ragkit.testing.scripts import MeteredModel as MeteredModel
    from ragkit.testing.scripts import ScriptedModel as ScriptedModel

_HOME_OF = {
    "Call": "ragkit.testing.script",
    "ChatModelContract": "ragkit.testing.contracts.chat_model",
    "Delay": "ragkit.testing.script",
    "HashingEmbeddings": "ragkit.testing.hashing",
    "HistoryContract": "ragkit.testing.contracts.history",
    "MeteredModel": "ragkit.testing.scripts",
    "Pieces": "ragkit.testing.script",
    "RecordedChatModel": "ragkit.testing.generations",
    "RetrieverContract": "ragkit.testing.contracts.retriever",
    "ScriptedChatModel": "ragkit.testing.scripted_chat",
    "ScriptedModel": "ragkit.testing.scripts",
    "VectorStoreContract": "ragkit.testing.contracts.vector_store",
    "register": "ragkit.testing.cassettes.config",
    "vcr_config": "ragkit.testing.cassettes.config",
}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'ragkit.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])
