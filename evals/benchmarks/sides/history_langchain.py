"""A conversation in LangChain's `SQLChatMessageHistory`, as its documentation shows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from langchain_community.chat_message_histories import SQLChatMessageHistory
from langchain_core.messages import AIMessage, HumanMessage

from evals.benchmarks.measure import Job, do_job, versions_of
from evals.benchmarks.sides.history import SHOWN, filled, measured

__all__: list[str] = []


class _Conversation:
    def __init__(self, history: Any) -> None:
        self._history = history

    def append(self, turns: list[tuple[str, str]]) -> None:
        self._history.add_messages([made for q, a in turns for made in (HumanMessage(q), AIMessage(a))])

    def window(self) -> list[Any]:
        messages: list[Any] = self._history.messages[-SHOWN:]
        return messages


@contextmanager
def _opened(job: Job) -> Iterator[_Conversation]:
    path = Path(job["folder"]) / "chats.sqlite"
    yield _Conversation(SQLChatMessageHistory("s", connection=f"sqlite:///{path}"))


if __name__ == "__main__":
    versions = versions_of("langchain-community", "langchain-core", "SQLAlchemy")
    do_job({"fill": partial(filled, opened=_opened), "measure": partial(measured, opened=_opened, versions=versions)})
