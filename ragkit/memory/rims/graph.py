"""A memory in LangGraph: as a node that asks the model, or as the two hooks of a prebuilt agent.

The graph's state holds the run at work; the memory holds the conversation. A model is shown what the memory chooses of
the past and the whole run at work; when the run has its answer, it is kept as one, and a failed run not at all. A tool
call without its results, as a run that broke off leaves it in a thread, is neither shown nor kept.

What of a state is kept already is known by the ids that `add_messages` gives, so that the same graph works with a
checkpointer (the state grows with the thread) and without one. Give the graph what is new only: a conversation that a
client sends again without ids is taken for a new one.

Needs no langgraph: nodes are LangChain runnables from a state to an update of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple
from uuid import uuid4

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, RemoveMessage, SystemMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda, run_in_executor

from ragkit.errors import InputError
from ragkit.memory.memory import Memory
from ragkit.memory.rims.session import MemoryOf, memory_for
from ragkit.memory.rims.turn import as_answer, bound_tools, question_text, without_instructions
from ragkit.messages.rounds import sound
from ragkit.messages.tokens import Tool

__all__ = ["MemoryHooks", "Run", "memory_hooks", "memory_node", "removals", "run_of"]

# Others may write into the same session meanwhile: the newest message of the state that is kept is looked for a little
# behind the end of the history, never through all of it.
_LOOK_BACK = 64


def memory_node(
    model: Runnable[Any, Any], memory: MemoryOf, *, messages_key: str = "messages", drop_kept: bool = False
) -> Runnable[Any, dict[str, Any]]:
    """Give a node that answers the conversation: it asks `model` with what the memory shows, and keeps the round.

    Goes into a `StateGraph(MessagesState)` as the node of its model, with tools or without. System messages of the
    state come first in the prompt, and are not kept. A run that was kept but whose end the checkpointer missed is not
    asked again: the kept answer comes back.

    Args:
        model: A chat model, with tools bound to it or not, or a chain from messages to one message.
        memory: The only conversation's memory; or a function of the `SessionName` that gives each one's. Its
            id is `session_id` or `thread_id` of the config.
        messages_key: The key of the state that holds messages, with `add_messages` as its reducer.
        drop_kept: Whether the runs before this one leave the state once it is kept, so that checkpoints stay small.

    Raises:
        InputError: In a call: if the state holds nothing to answer, or its messages have no ids.
    """
    node = _Node(model, memory, bound_tools(model), messages_key, drop_kept)
    return RunnableLambda(node.answered, node.aanswered, name="memory")


class MemoryHooks(NamedTuple):
    """Two nodes, named as arguments of a prebuilt agent: `create_react_agent(model, tools, **hooks._asdict())`."""

    pre_model_hook: Runnable[Any, dict[str, Any]]
    """Gives `llm_input_messages`: what the memory shows, and the run at work."""
    post_model_hook: Runnable[Any, dict[str, Any]]
    """Keeps the run when it has its answer."""


def memory_hooks(
    memory: MemoryOf,
    *,
    beside: Sequence[BaseMessage] = (),
    tools: Sequence[Tool] = (),
    messages_key: str = "messages",
    shown_key: str = "llm_input_messages",
) -> MemoryHooks:
    """Give the nodes before and after the node of a model that is not ours to call.

    A run that ends without an answer of the model (a tool with `return_direct`) is kept with the next run of its
    thread, where a checkpointer holds it.

    Args:
        memory: As for `memory_node`.
        beside: What else the agent puts into the prompt, such as its system message: counted in the memory's budget.
        tools: The tools that the agent offers: counted as well.
        messages_key: The key of the state that holds messages.
        shown_key: The key of the state that the model's node reads.
    """
    hooks = _Hooks(memory, tuple(beside), tuple(tools), messages_key, shown_key)
    return MemoryHooks(
        RunnableLambda(hooks.shown, hooks.ashown, name="memory_shown"),
        RunnableLambda(hooks.kept, hooks.akept, name="memory_kept"),
    )


@dataclass(frozen=True, slots=True)
class _Node:
    model: Runnable[Any, Any]
    memory: MemoryOf
    tools: tuple[Tool, ...]
    messages_key: str
    drop_kept: bool

    def answered(self, state: Any, config: RunnableConfig) -> dict[str, Any]:
        run = self._run(state, config)
        if run.answer:
            return {self.messages_key: run.answer}
        past = run.memory.load(**run.asked(tools=self.tools))
        answer = _with_ids(as_answer([self.model.invoke(run.prompt(past), config)]))
        if _is_answer(answer[-1]):
            run.memory.save([*run.new, *answer])
        return self._update(run, answer)

    async def aanswered(self, state: Any, config: RunnableConfig) -> dict[str, Any]:
        run = await run_in_executor(None, self._run, state, config)
        if run.answer:
            return {self.messages_key: run.answer}
        past = await run.memory.aload(**run.asked(tools=self.tools))
        answer = _with_ids(as_answer([await self.model.ainvoke(run.prompt(past), config)]))
        if _is_answer(answer[-1]):
            await run.memory.asave([*run.new, *answer])
        return self._update(run, answer)

    def _run(self, state: Any, config: RunnableConfig) -> Run:
        return run_of(_messages_of(state, self.messages_key), memory_for(self.memory, config))

    def _update(self, run: Run, answer: Sequence[BaseMessage]) -> dict[str, Any]:
        dropped = run.kept_before if self.drop_kept and _is_answer(answer[-1]) else ()
        return {self.messages_key: [*removals(dropped), *answer]}


@dataclass(frozen=True, slots=True)
class _Hooks:
    memory: MemoryOf
    beside: tuple[BaseMessage, ...]
    tools: tuple[Tool, ...]
    messages_key: str
    shown_key: str

    def shown(self, state: Any, config: RunnableConfig) -> dict[str, Any]:
        run = self._run(state, config)
        return {self.shown_key: run.prompt(run.memory.load(**self._asked(run)))}

    async def ashown(self, state: Any, config: RunnableConfig) -> dict[str, Any]:
        run = await run_in_executor(None, self._run, state, config)
        return {self.shown_key: run.prompt(await run.memory.aload(**self._asked(run)))}

    def kept(self, state: Any, config: RunnableConfig) -> dict[str, Any]:
        run = self._run(state, config)
        if run.new and _is_answer(run.new[-1]):
            run.memory.save(run.new)
        return {}

    async def akept(self, state: Any, config: RunnableConfig) -> dict[str, Any]:
        run = await run_in_executor(None, self._run, state, config)
        if run.new and _is_answer(run.new[-1]):
            await run.memory.asave(run.new)
        return {}

    def _run(self, state: Any, config: RunnableConfig) -> Run:
        return run_of(_messages_of(state, self.messages_key), memory_for(self.memory, config))

    def _asked(self, run: Run) -> dict[str, Any]:
        return run.asked(beside=self.beside, tools=self.tools)


@dataclass(frozen=True, slots=True)
class Run:
    """What a graph's state says about the run at work."""

    memory: Memory
    instructions: list[BaseMessage]
    """The state's system messages."""
    kept_before: list[BaseMessage]
    """What of the state the memory keeps already."""
    new: list[BaseMessage]
    """What it does not, and a model takes: the question, tool calls and results so far, and the answer in the end."""
    answer: list[BaseMessage]
    """What was kept of this very run, where its end was kept before and the graph did not hear of it."""

    def asked(self, *, beside: Sequence[BaseMessage] = (), tools: Sequence[Tool] = ()) -> dict[str, Any]:
        """Give what the memory is asked for.

        Raises:
            InputError: If the state holds nothing to answer.
        """
        if not self.new:
            raise InputError("the graph's state holds no message that is not answered yet: add the person's question.")
        beside = [*beside, *self.instructions, *self.new]
        return {"question": question_text(self.new), "beside": beside, "tools": tools}

    def prompt(self, past: Sequence[BaseMessage]) -> list[BaseMessage]:
        """Give what the model is shown."""
        return [*self.instructions, *past, *self.new]


def run_of(messages: Sequence[BaseMessage], memory: Memory) -> Run:
    """Tell what of a state's messages the memory keeps already and what is new.

    Raises:
        InputError: If a message has no id.
    """
    said = without_instructions(messages)
    if any(not message.id for message in said):
        raise InputError("the graph's messages have no ids: give their key the reducer add_messages (MessagesState).")
    places = {message.id: place for place, message in enumerate(said)}
    newest = islice(memory.kept.newest_first(), _LOOK_BACK)
    seq, last = next(((kept.seq, places[kept.message.id]) for kept in newest if kept.message.id in places), (0, -1))
    instructions: list[BaseMessage] = [message for message in messages if isinstance(message, SystemMessage)]
    waits = bool(said) and last == len(said) - 1 and not _is_answer(said[-1])
    answer = _answer_after(memory, seq) if waits else []
    return Run(memory, instructions, said[: last + 1], sound(said[last + 1 :], waits=True), answer)


def removals(messages: Sequence[BaseMessage]) -> list[RemoveMessage]:
    """Tell `add_messages` to drop messages."""
    return [RemoveMessage(id=str(message.id)) for message in messages]


def _answer_after(memory: Memory, seq: int) -> list[BaseMessage]:
    """Give what was kept after a message, up to the next question."""
    answer: list[BaseMessage] = []
    for kept in memory.kept.after(seq):
        if isinstance(kept.message, HumanMessage):
            break
        answer.append(kept.message)
    return answer


def _messages_of(state: Any, key: str) -> list[BaseMessage]:
    messages = state.get(key) if isinstance(state, Mapping) else getattr(state, key, None)
    if not isinstance(messages, list) or not all(isinstance(message, BaseMessage) for message in messages):
        raise InputError(f"the graph's state has no list of messages under {key!r}: name its key as messages_key.")
    return messages


def _is_answer(message: BaseMessage) -> bool:
    """Say whether a run ends with a message: graphs go on to tools only for calls that can be read."""
    return isinstance(message, AIMessage) and not message.tool_calls


def _with_ids(messages: list[BaseMessage]) -> list[BaseMessage]:
    """Give each message the id that the reducer would: what is kept and what is in the state must be known as one."""
    return [message if message.id else message.model_copy(update={"id": str(uuid4())}) for message in messages]
