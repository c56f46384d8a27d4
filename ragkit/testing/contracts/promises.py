"""Running what a promise needs: callers at once, and code whose loop is its own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from langchain_core.documents import Document

__all__ = ["at_once", "kept", "shown"]

T = TypeVar("T")


def at_once(call: Callable[[], T], *, callers: int = 8, times: int = 5) -> list[T]:
    """Call from several threads, several times each; the first error is raised."""
    with ThreadPoolExecutor(callers) as pool:
        return [done.result() for done in [pool.submit(call) for _ in range(callers * times)]]


def shown(documents: Sequence[Document]) -> list[tuple[str | None, str]]:
    """Give id and text of each, for comparing."""
    return [(document.id, document.page_content) for document in documents]


def kept(value: Any) -> Any:
    """Copy a value through and through, to compare it with later."""
    return copy.deepcopy(value)
