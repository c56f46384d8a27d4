"""A conversation in LangGraph's SQLite checkpointer: a graph of one node, its state the messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver  # type: ignore[import-not-found]  # in the peer's environment only
from langgraph.graph import START, MessagesState, StateGraph

from evals.benchmarks.measure import Job, do_job, versions_of
from evals.benchmarks.sides.history import SHOWN, filled, measured

__all__: list[str] = []

_THREAD = {"configurable": {"thread_id": "s"}}


class _Conversation:
    def __init__(self, graph: Any) -> None:
        self._graph = graph

    def append(self, turns: list[tuple[str, str]]) -> None:
        made = [message for q, a in turns for message in (HumanMessage(q), AIMessage(a))]
        self._graph.update_state(_THREAD, {"messages": made}, as_node="answer")

    def window(self) -> list[Any]:
        messages: list[Any] = self._graph.get_state(_THREAD).values["messages"][-SHOWN:]
        return messages


def _answer(state: MessagesState) -> MessagesState:
    return {"messages": []}


@contextmanager
def _opened(job: Job) -> Iterator[_Conversation]:
    builder = StateGraph(MessagesState)
    builder.add_node("answer", _answer)
    builder.add_edge(START, "answer")
    with SqliteSaver.from_conn_string(str(Path(job["folder"]) / "chats.sqlite")) as saver:
        yield _Conversation(builder.compile(checkpointer=saver))


if __name__ == "__main__":
    versions = versions_of("langgraph", "langgraph-checkpoint-sqlite", "langchain-core")
    do_job({"fill": partial(filled, opened=_opened), "measure": partial(measured, opened=_opened, versions=versions)})
