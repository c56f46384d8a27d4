"""transformers' own `generate`, as its documentation shows it: what every wrapper is held against.

Tokens are prepared before the clock starts and never turned back into text within it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.generation.streamers import BaseStreamer

from evals.benchmarks.generation.worker import replies_at_once, serve, timed_reply
from evals.benchmarks.measure import Outcome, versions_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evals.benchmarks.measure import Job, Task

__all__: list[str] = []


class _FirstToken(BaseStreamer):
    """Notes when the first token after the prompt came."""

    def __init__(self) -> None:
        self.calls = 0
        self.at = 0.0

    def put(self, value: Any) -> None:
        self.calls += 1
        if self.calls == 2:  # the first call brings the prompt
            self.at = time.perf_counter()

    def end(self) -> None:
        pass


class _Raw:
    def __init__(self, job: Job) -> None:
        torch.set_num_threads(job["threads"])
        self.tokenizer: Any = AutoTokenizer.from_pretrained(job["model"])
        self.model: Any = AutoModelForCausalLM.from_pretrained(job["model"], dtype=job["dtype"]).eval()  # type: ignore[no-untyped-call]

    def ids(self, conversations: list[Any]) -> Any:
        said = [[{"role": role, "content": text} for role, text in one] for one in conversations]
        return self.tokenizer.apply_chat_template(
            said, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
        )

    def generate(self, inputs: Any, tokens: int, **options: Any) -> Any:
        whole = self.model.generate(**inputs, max_new_tokens=tokens, do_sample=False, **options)
        return whole[:, inputs["input_ids"].shape[1] :]

    def reply(self, job: Job) -> Outcome:
        inputs = self.ids([job["messages"]])
        kept: list[Any] = []

        def work() -> tuple[int, str]:
            kept.append(self.generate(inputs, job["tokens"]))
            return int(kept[0].shape[1]), ""

        found = timed_reply(work)
        return self._named(found, self.tokenizer.decode(kept[0][0], skip_special_tokens=True))

    def first(self, job: Job) -> Outcome:
        inputs, streamer = self.ids([job["messages"]]), _FirstToken()
        start = time.perf_counter()
        self.generate(inputs, job["tokens"], streamer=streamer)
        return Outcome(
            numbers={
                "first_s": streamer.at - start,
                "prompt_tokens": inputs["input_ids"].shape[1],
                "cached_tokens": 0,
            }
        )

    def in_turn(self, job: Job) -> Outcome:
        prepared = [self.ids([one]) for one in job["conversations"]]
        return timed_reply(lambda: (sum(int(self.generate(one, job["tokens"]).shape[1]) for one in prepared), ""))

    def padded(self, job: Job) -> Outcome:
        inputs = self.ids(job["conversations"])
        return timed_reply(lambda: (self.generate(inputs, job["tokens"]).numel(), ""))

    def threads(self, job: Job) -> Outcome:
        prepared = [self.ids([one]) for one in job["conversations"]]
        return replies_at_once(lambda one: (int(self.generate(one, job["tokens"]).shape[1]), ""), prepared)

    def _named(self, found: Outcome, text: str) -> Outcome:
        return Outcome(numbers=found.numbers, words={"text": text}, versions=versions_of("torch", "transformers"))


def _load(job: Job) -> Mapping[str, Task]:
    raw = _Raw(job)
    return {
        "reply": raw.reply, "first": raw.first, "in_turn": raw.in_turn, "padded": raw.padded, "threads": raw.threads,
    }  # fmt: skip


if __name__ == "__main__":
    serve(_load)
