"""`LocalChatModel`: one instance, asked as a LangChain chat model is."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

from evals.benchmarks.generation.worker import replies_at_once, serve, timed_reply
from evals.benchmarks.measure import Outcome, resident_mb, versions_of
from ragkit.models import LocalChatModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages import BaseMessage

    from evals.benchmarks.measure import Job, Task

__all__: list[str] = []


class _Own:
    def __init__(self, job: Job) -> None:
        self.model = LocalChatModel(
            model=job["model"], dtype=job["dtype"], engine=job["engine"], quantize=job["quantize"],
            prefix_bytes=job["prefix_bytes"], max_batch=job["batch_size"], temperature=0.0,
        )  # fmt: skip
        self.model.invoke("hello", max_tokens=2)  # what loads on first use is loaded

    def reply(self, job: Job) -> Outcome:
        found = timed_reply(lambda: self.said(job["messages"], job["tokens"]))
        versions = versions_of("langchain-core", "transformers", "torch", "openvino")
        return Outcome(numbers=found.numbers, words=found.words, versions=versions)

    def said(self, messages: Any, tokens: int) -> tuple[int, str]:
        return _tokens_and_text(self.model.invoke(_tuples(messages), max_tokens=tokens))

    def first(self, job: Job) -> Outcome:
        first, cached, prompt = 0.0, 0, 0
        start = time.perf_counter()
        for chunk in self.model.stream(_tuples(job["messages"]), max_tokens=job["tokens"]):
            if not first and chunk.content:
                first = time.perf_counter() - start
            if usage := getattr(chunk, "usage_metadata", None):
                cached = max(cached, (usage.get("input_token_details") or {}).get("cache_read", 0))
                prompt = max(prompt, usage["input_tokens"])
        return Outcome(numbers={"first_s": first, "cached_tokens": cached, "prompt_tokens": prompt})

    def talk(self, job: Job) -> Outcome:
        """Hold a conversation: an answer of our own to each question, and the messages up to the last question."""
        messages = [("system", job["system"])]
        for question in job["questions"][:-1]:
            messages.append(("user", question))
            messages.append(("assistant", self.said(messages, job["tokens"])[1]))
        return Outcome(numbers={}, words={"messages": json.dumps([*messages, ("user", job["questions"][-1])])})

    def threads(self, job: Job) -> Outcome:
        return replies_at_once(lambda one: self.said(one, job["tokens"]), job["conversations"])

    def batch(self, job: Job) -> Outcome:
        asked: list[Any] = [_tuples(one) for one in job["conversations"]]
        return timed_reply(lambda: _in_all(self.model.batch(asked, max_tokens=job["tokens"])))

    def tasks(self, job: Job) -> Outcome:
        asked: list[Any] = [_tuples(one) for one in job["conversations"]]

        async def all_of_them() -> list[BaseMessage]:
            return list(await asyncio.gather(*(self.model.ainvoke(one, max_tokens=job["tokens"]) for one in asked)))

        return timed_reply(lambda: _in_all(asyncio.run(all_of_them())))

    def hold(self, job: Job) -> Outcome:
        """Have one conversation after the other, and look at what is kept after each."""
        held, resident = [], []
        for messages in job["conversations"]:
            self.said(messages, job["tokens"])
            held.append(self.model.weights.engine.prefixes.nbytes / 1e6)
            resident.append(resident_mb())
        half = len(resident) // 2
        return Outcome(
            numbers={"held_mb": max(held), "resident_half_mb": resident[half], "resident_end_mb": resident[-1]}
        )


def _tuples(messages: Any) -> list[tuple[str, str]]:
    return [(role, text) for role, text in messages]


def _tokens_and_text(said: Any) -> tuple[int, str]:
    return said.usage_metadata["output_tokens"], said.content


def _in_all(said: list[Any]) -> tuple[int, str]:
    return sum(_tokens_and_text(one)[0] for one in said), ""


def _load(job: Job) -> Mapping[str, Task]:
    own = _Own(job)
    return {
        "reply": own.reply, "first": own.first, "talk": own.talk, "threads": own.threads, "batch": own.batch,
        "tasks": own.tasks, "hold": own.hold,
    }  # fmt: skip


if __name__ == "__main__":
    serve(_load)
