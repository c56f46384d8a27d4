"""A conversation in ragkit's `ChatHistories`: on the disk when the call returns, searchable by its words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage

from evals.benchmarks.measure import Job, do_job, versions_of
from evals.benchmarks.sides.history import SHOWN, filled, measured
from ragkit.memory import ChatHistories, ChatHistory

__all__: list[str] = []


class _Conversation:
    def __init__(self, history: ChatHistory) -> None:
        self._history = history

    def append(self, turns: list[tuple[str, str]]) -> None:
        self._history.add_messages([made for q, a in turns for made in (HumanMessage(q), AIMessage(a))])

    def window(self) -> list[Any]:
        return [kept.message for kept in self._history.last(SHOWN)]


@contextmanager
def _opened(job: Job) -> Iterator[_Conversation]:
    with ChatHistories(Path(job["folder"]) / "chats.sqlite") as histories:
        yield _Conversation(histories.session("s", user_id="ann"))


if __name__ == "__main__":
    versions = versions_of("ragkit", "langchain-core")
    do_job({"fill": partial(filled, opened=_opened), "measure": partial(measured, opened=_opened, versions=versions)})
