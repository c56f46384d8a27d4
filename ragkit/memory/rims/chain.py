"""A plain chain with a memory: `with_memory(prompt | model, memory, …)`.

What was asked and what was answered are kept together, once the answer is whole. A call that failed, and a stream that
nobody read to its end, leave no trace: asking again does not leave the question in the conversation twice.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast, get_origin

from langchain_core.callbacks import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun
from langchain_core.messages import BaseMessage, SystemMessage
from langchain_core.prompts import BasePromptTemplate
from langchain_core.runnables import Runnable, RunnableConfig, RunnableSequence, run_in_executor
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.utils import ConfigurableFieldSpec

from ragkit.errors import ConfigError, InputError
from ragkit.memory.memory import Memory
from ragkit.memory.rims.session import MemoryOf, memory_for
from ragkit.memory.rims.turn import as_answer, as_question, bound_tools, question_text, without_instructions
from ragkit.messages.tokens import Tool

__all__ = ["ChainWithMemory", "with_memory"]


def with_memory(
    chain: Runnable[Any, Any],
    memory: MemoryOf,
    *,
    input_key: str | None = None,
    history_key: str | None = None,
    output_key: str | None = None,
) -> ChainWithMemory:
    """Give a chain a memory: each call is shown the conversation so far, and its question and answer are kept.

    Put it around `prompt | model` alone: what comes before (a retriever) and after (a parser) stays outside, as in
    `RunnablePassthrough.assign(context=…) | with_memory(prompt | model, …) | parser`. Then the prompt's own words,
    what was retrieved and the tools bound to the model all count in the memory's budget.

    Args:
        chain: Begins with a prompt template, then `input_key` and `history_key` are two of its variables; or a model,
            or whatever takes messages (a template whose only variable they are), then neither is given and the input is
            text or messages. Of these, system messages stay before the conversation and are not kept.
        memory: The memory of the only conversation there is; or a function of the `SessionName` that gives each one's:
            then calls pass `config={"configurable": {"session_id": …, "user_id": …}}`.
        input_key: What the person said: text, a message or messages. Only this is kept of the input.
        history_key: The prompt's slot for the messages of the memory.
        output_key: What the model said, where the chain gives a mapping.

    Raises:
        ConfigError: If the keys do not fit the chain, or its prompt is not its first step.

    Example:
        >>> from ragkit.memory import BufferMemory, ChatHistories
        >>> from ragkit.testing import ScriptedChatModel
        >>> chain = with_memory(ScriptedChatModel(["Hello Ann.", "Ann."]), BufferMemory(ChatHistories().session("1")))
        >>> [chain.invoke(words).text for words in ("I am Ann.", "Who am I?")]
        ['Hello Ann.', 'Ann.']
    """
    if (input_key is None) != (history_key is None):
        raise ConfigError("give both input_key and history_key (for a prompt), or neither (a chain of messages).")
    prompt = _prompt_of(chain)
    if prompt is not None:
        _check_keys(prompt, input_key, history_key)
    return ChainWithMemory(chain, memory, _Form(input_key, history_key, output_key, prompt, bound_tools(chain)))


@dataclass(frozen=True, slots=True)
class _Form:
    """How a chain takes a question and gives an answer; pure, so that the ways of calling share it."""

    input_key: str | None
    history_key: str | None
    output_key: str | None
    prompt: BasePromptTemplate[Any] | None
    tools: tuple[Tool, ...]

    def question(self, given: Any) -> list[BaseMessage]:
        if self.input_key is None:
            return as_question(given)
        if not isinstance(given, Mapping) or self.input_key not in given:
            raise InputError(f"the chain takes a mapping with {self.input_key!r}, got {type(given).__name__} without.")
        return as_question(given[self.input_key])

    def entered(self, given: Any, past: Sequence[BaseMessage]) -> Any:
        """Give what enters the chain."""
        if self.history_key is not None:
            return {**given, self.history_key: list(past)}
        question = self.question(given)
        start = next((at for at, one in enumerate(question) if not isinstance(one, SystemMessage)), len(question))
        return [*question[:start], *past, *question[start:]]

    def beside(self, given: Any) -> list[BaseMessage]:
        """Give all that the model will be shown beside the memory's messages, as far as the chain tells."""
        if self.prompt is None:
            return self.question(given)
        # A measurement: nobody who listens to the chain needs to hear of it.
        return self.prompt.invoke(self.entered(given, []), {"callbacks": []}).to_messages()

    def asked(self, given: Any) -> dict[str, Any]:
        """Give what a memory is asked for."""
        return {
            "question": question_text(self.question(given)),
            "beside": self.beside(given),
            "tools": self.tools,
        }

    def answer(self, pieces: Sequence[Any]) -> list[BaseMessage]:
        if (key := self.output_key) is None:
            return as_answer(pieces)
        if not (said := [piece[key] for piece in pieces if isinstance(piece, Mapping) and key in piece]):
            raise InputError(f"the chain gave nothing under output_key={key!r}, so there is nothing to remember.")
        return as_answer(said)


@dataclass(frozen=True, slots=True)
class _Turn:
    """One call."""

    form: _Form
    memory: Memory
    given: Any
    asked: Mapping[str, Any]
    """What the memory is asked for."""

    def entered(self, past: Sequence[BaseMessage]) -> Any:
        return self.form.entered(self.given, past)

    def messages(self, pieces: Sequence[Any]) -> list[BaseMessage]:
        """Give what is kept of it."""
        return [*without_instructions(self.form.question(self.given)), *self.form.answer(pieces)]


@dataclass(frozen=True, eq=False, repr=False)
class ChainWithMemory(Runnable[Any, Any]):
    """What `with_memory` gives: takes and gives what the chain does, in all of a runnable's ways."""

    chain: Runnable[Any, Any]
    memory: MemoryOf
    form: _Form

    def __repr__(self) -> str:
        return f"ChainWithMemory({type(self.chain).__name__})"

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        """What a call may name beside the chain's own: the session and its user."""
        if isinstance(self.memory, Memory):
            return self.chain.config_specs
        about = {"session_id": "Names the conversation.", "user_id": "Whose conversation it is."}
        own = [
            ConfigurableFieldSpec(id=key, annotation=str, description=text, default="", is_shared=True)
            for key, text in about.items()
        ]
        return [*self.chain.config_specs, *own]

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002 - LangChain's name
        """Answer, and keep question and answer."""
        return self._call_with_config(self._answer, input, config, **kwargs)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
        """Answer, and keep question and answer."""
        return await self._acall_with_config(self._aanswer, input, config, **kwargs)

    def stream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Any]:  # noqa: A002
        """Answer piece by piece; question and answer are kept after the last one."""
        return self._transform_stream_with_config(iter([input]), self._pieces, config, **kwargs)

    async def astream(
        self,
        input: Any,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        """Answer piece by piece; question and answer are kept after the last one."""

        async def given() -> AsyncIterator[Any]:
            yield input

        async with _closed_after(
            self._atransform_stream_with_config(given(), self._apieces, config, **kwargs)
        ) as pieces:
            async for piece in pieces:
                yield piece

    def _turn(self, given: Any, config: RunnableConfig) -> _Turn:
        """Find the memory and render the prompt: what may take its time, so that async calls do it elsewhere."""
        memory = memory_for(self.memory, config)
        return _Turn(self.form, memory, given, self.form.asked(given))

    def _answer(
        self, given: Any, run_manager: CallbackManagerForChainRun, config: RunnableConfig, **kwargs: Any
    ) -> Any:
        turn = self._turn(given, config)
        answer = self.chain.invoke(turn.entered(turn.memory.load(**turn.asked)), config, **kwargs)
        turn.memory.save(turn.messages([answer]))
        return answer

    async def _aanswer(
        self, given: Any, run_manager: AsyncCallbackManagerForChainRun, config: RunnableConfig, **kwargs: Any
    ) -> Any:
        turn = await run_in_executor(None, self._turn, given, config)
        answer = await self.chain.ainvoke(turn.entered(await turn.memory.aload(**turn.asked)), config, **kwargs)
        await turn.memory.asave(turn.messages([answer]))
        return answer

    def _pieces(
        self, given: Iterator[Any], run_manager: CallbackManagerForChainRun, config: RunnableConfig, **kwargs: Any
    ) -> Iterator[Any]:
        turn = self._turn(next(given), config)
        pieces = []
        for piece in self.chain.stream(turn.entered(turn.memory.load(**turn.asked)), config, **kwargs):
            pieces.append(piece)
            yield piece
        turn.memory.save(turn.messages(pieces))

    async def _apieces(
        self,
        given: AsyncIterator[Any],
        run_manager: AsyncCallbackManagerForChainRun,
        config: RunnableConfig,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        turn = await run_in_executor(None, self._turn, await anext(given), config)
        pieces = []
        entered = turn.entered(await turn.memory.aload(**turn.asked))
        async with _closed_after(self.chain.astream(entered, config, **kwargs)) as told:
            async for piece in told:
                pieces.append(piece)
                yield piece
        await turn.memory.asave(turn.messages(pieces))


def _closed_after(stream: AsyncIterator[Any]) -> aclosing[Any]:
    """Close a stream as soon as nobody reads it: a model should not go on for a reader who left."""
    return aclosing(cast("AsyncGenerator[Any, None]", stream))


def _prompt_of(chain: Runnable[Any, Any]) -> BasePromptTemplate[Any] | None:
    """Give the prompt that a chain begins with.

    Raises:
        ConfigError: If it has one later on: what the steps before it add could not be counted.
    """
    steps = [_unbound(step) for step in (chain.steps if isinstance(chain, RunnableSequence) else [chain])]
    if isinstance(steps[0], BasePromptTemplate):
        return steps[0]
    if any(isinstance(step, BasePromptTemplate) for step in steps):
        raise ConfigError(
            "the prompt is not the chain's first step, so that what comes before it could not be counted in the "
            "memory's budget: write `first_steps | with_memory(prompt | model, …)`."
        )
    return None


def _check_keys(prompt: BasePromptTemplate[Any], input_key: str | None, history_key: str | None) -> None:
    known = sorted({*prompt.input_variables, *prompt.optional_variables, *prompt.partial_variables})
    if history_key is not None:
        for key in (input_key, history_key):
            if key not in known:
                raise ConfigError(f"the prompt has no variable {key!r}, it has: {', '.join(known)}.")
    elif [get_origin(prompt.input_types.get(key)) for key in prompt.input_variables] != [list]:
        raise ConfigError(
            f"the prompt has the variables {', '.join(known)}: say which is what the person says (input_key) and which "
            "the slot for the conversation (history_key)."
        )


def _unbound(step: Runnable[Any, Any]) -> Runnable[Any, Any]:
    while isinstance(step, RunnableBindingBase):
        step = step.bound
    return step
