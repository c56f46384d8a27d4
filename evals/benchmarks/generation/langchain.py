"""`HuggingFacePipeline` and `ChatHuggingFace` of langchain-huggingface, as their documentation shows them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from evals.benchmarks.generation.worker import replies_at_once, serve, timed_reply
from evals.benchmarks.measure import Outcome, versions_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evals.benchmarks.measure import Job, Task

__all__: list[str] = []

_PACKAGES = ("langchain-core", "langchain-huggingface", "transformers", "torch")


class _Peer:
    """One of the two: `kind` is `pipeline` or `chat`."""

    def __init__(self, job: Job) -> None:
        import torch
        from langchain_huggingface import ChatHuggingFace, HuggingFacePipeline

        torch.set_num_threads(job["threads"])
        pipeline = HuggingFacePipeline.from_model_id(
            job["model"],
            task="text-generation",
            batch_size=job["batch_size"],
            pipeline_kwargs={"do_sample": False, "return_full_text": False},
        )
        pipeline.pipeline.model.to(getattr(torch, job["dtype"]))
        self.chat = job["kind"] == "chat"
        self.tokenizer = pipeline.pipeline.tokenizer
        self.model: Any = ChatHuggingFace(llm=pipeline) if self.chat else pipeline

    def prompt(self, messages: Any) -> Any:
        """Give what the wrapper reads: messages, or the text that its user has laid out by the template."""
        if self.chat:
            return [tuple(one) for one in messages]
        said = [{"role": role, "content": text} for role, text in messages]
        return self.tokenizer.apply_chat_template(said, add_generation_prompt=True, tokenize=False)

    def invoke(self, prompt: Any, tokens: int) -> tuple[int, str]:
        said = self.model.invoke(prompt, pipeline_kwargs=_options(tokens))
        return tokens, said.content if self.chat else said

    def reply(self, job: Job) -> Outcome:
        prompt = self.prompt(job["messages"])
        found = timed_reply(lambda: self.invoke(prompt, job["tokens"]))
        return Outcome(numbers=found.numbers, words=found.words, versions=versions_of(*_PACKAGES))

    def first(self, job: Job) -> Outcome:
        prompt, first = self.prompt(job["messages"]), 0.0
        start = time.perf_counter()
        for chunk in self.model.stream(prompt, pipeline_kwargs=_options(job["tokens"])):
            if not first and (chunk.content if self.chat else chunk):
                first = time.perf_counter() - start
        # read to its end: the thread that computes goes on when it is left
        return Outcome(numbers={"first_s": first, "cached_tokens": 0})

    def threads(self, job: Job) -> Outcome:
        prompts = [self.prompt(one) for one in job["conversations"]]
        return replies_at_once(lambda one: self.invoke(one, job["tokens"]), prompts)

    def batch(self, job: Job) -> Outcome:
        prompts, tokens = [self.prompt(one) for one in job["conversations"]], job["tokens"]

        def work() -> tuple[int, str]:
            said = self.model.batch(prompts, pipeline_kwargs=_options(tokens))
            return tokens * len(said), ""

        return timed_reply(work)


def _options(tokens: int) -> dict[str, Any]:
    return {"max_new_tokens": tokens, "do_sample": False, "return_full_text": False}


def _load(job: Job) -> Mapping[str, Task]:
    peer = _Peer(job)
    return {"reply": peer.reply, "first": peer.first, "threads": peer.threads, "batch": peer.batch}


if __name__ == "__main__":
    serve(_load)
