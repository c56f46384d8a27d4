"""Chat models that behave alike, wherever they run, and wrappers that are chat models themselves.

    from ragkit.models import LocalChatModel, RetryChatModel

`local/chat.py` runs Hugging Face weights here, `openai/chat.py` speaks to OpenAI and every server with its API;
`wrappers/` are models around models (retry, cache, fallback, meter). `ragkit.chat_model("local:…" | "openai:…")` picks
one by SPEC. May import: langchain-core, and below it `ragkit.prompts`, `ragkit.messages`, `ragkit.remote` and
`ragkit.disk`; torch and transformers in `local/` only, openai in `openai/` only, each on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragkit.compose import chat_model as chat_model
    from ragkit.models.local.chat import LocalChatModel as LocalChatModel
    from ragkit.models.openai.chat import OpenAIChatModel as OpenAIChatModel
    from ragkit.models.wrappers.cached import CachedChatModel as CachedChatModel
    from ragkit.models.wrappers.fallback import FallbackChatModel as FallbackChatModel
    from ragkit.models.wrappers.limited import RateLimitedChatModel as RateLimitedChatModel
    from ragkit.models.wrappers.limiter import RateLimiter as RateLimiter
    from ragkit.models.wrappers.meter import Meter as Meter
    from ragkit.models.wrappers.metered import MeteredChatModel as MeteredChatModel
    from ragkit.models.wrappers.retry import RetryChatModel as RetryChatModel
    from ragkit.models.wrappers.sqlite_cache import SQLiteCache as SQLiteCache

_HOME_OF = {
    "CachedChatModel": "ragkit.models.wrappers.cached",
    "FallbackChatModel": "ragkit.models.wrappers.fallback",
    "LocalChatModel": "ragkit.models.local.chat",
    "Meter": "ragkit.models.wrappers.meter",
    "MeteredChatModel": "ragkit.models.wrappers.metered",
    "OpenAIChatModel": "ragkit.models.openai.chat",
    "RateLimitedChatModel": "ragkit.models.wrappers.limited",
    "RateLimiter": "ragkit.models.wrappers.limiter",
    "RetryChatModel": "ragkit.models.wrappers.retry",
    "SQLiteCache": "ragkit.models.wrappers.sqlite_cache",
    "chat_model": "ragkit.compose",
}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'ragkit.models' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])
