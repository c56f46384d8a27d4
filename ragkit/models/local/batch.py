"""Batches that ask for everything at once, so that the engine has something to share forward passes between."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ContextThreadPoolExecutor, get_config_list

__all__ = ["TogetherBatches"]


class TogetherBatches(BaseChatModel):
    """A chat model whose batches, unless told otherwise, have a thread for each place in the engine's batch.

    LangChain takes a few threads more than there are processors, and `generate` one. Threads that wait cost nothing
    here: the engine's one thread computes for all. `abatch` and `agenerate` ask all at once as they are.
    """

    @property
    @abstractmethod
    def _width(self) -> int:
        """Threads that keep the engine's batch full."""

    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """Answer many inputs; see `Runnable.batch`."""
        wide = self._wide(config, len(inputs))
        return super().batch(inputs, wide, return_exceptions=return_exceptions, **kwargs)

    def batch_as_completed(self, inputs: Any, config: Any = None, **kwargs: Any) -> Any:
        """Answer many inputs and give each reply when it is whole; see `Runnable.batch_as_completed`."""
        return super().batch_as_completed(inputs, self._wide(config, len(inputs)), **kwargs)

    def generate(
        self, messages: list[list[BaseMessage]], stop: list[str] | None = None, *args: Any, **kwargs: Any
    ) -> LLMResult:
        """Answer several conversations; see `BaseChatModel.generate`."""
        if len(messages) <= 1:
            return super().generate(messages, stop, *args, **kwargs)
        one = super().generate
        run_ids = [kwargs.pop("run_id", None), *[None] * (len(messages) - 1)]  # names the first run, as in LangChain

        def answered(conversation: list[BaseMessage], run_id: UUID | None) -> LLMResult:
            return one([conversation], stop, *args, run_id=run_id, **kwargs)

        with ContextThreadPoolExecutor(max_workers=min(len(messages), self._width)) as pool:
            results = list(pool.map(answered, messages, run_ids))
        return LLMResult(
            generations=[replies for result in results for replies in result.generations],
            llm_output={},
            run=[run for result in results for run in result.run or ()],
        )

    def _wide(self, config: RunnableConfig | Sequence[RunnableConfig] | None, count: int) -> list[RunnableConfig]:
        configs = get_config_list(config, count)
        if configs and configs[0].get("max_concurrency") is None:
            configs[0] = {**configs[0], "max_concurrency": min(count, self._width)}
        return configs
