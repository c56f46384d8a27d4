from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.prompts import PromptTemplate

from ragkit.errors import ConfigError, ModelError, ModelUnavailableError
from ragkit.memory import ChatHistories
from ragkit.memory.classic import ConversationSummaryBufferMemory, ConversationSummaryMemory
from ragkit.memory.compaction import CompactionWarning
from ragkit.testing import ScriptedChatModel

HI = ({"input": "hi"}, {"output": "what's up"})
NOT_MUCH = ({"input": "not much you"}, {"output": "not much"})
PROMPT = PromptTemplate.from_template("{summary}|{new_lines}")
CALL = [{"name": "add", "args": {}, "id": "c1"}]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (ModelUnavailableError("the server is down."), "the server is down"),
        (RuntimeError("Error code: 400 secret"), "the model failed with RuntimeError"),
        ("", "it gave no text"),
        ("  \n", "it gave no text"),
        (CALL, "it called a tool"),
        (AIMessage("No.", additional_kwargs={"refusal": "No."}), "it refused"),
        (AIMessage("They gre", response_metadata={"finish_reason": "length"}), "its reply was cut off"),
    ],
)
def test_a_summary_that_fails_keeps_the_turns(reply: Any, why: str) -> None:
    memory = ConversationSummaryMemory(llm=ScriptedChatModel([reply, "They greet."]))
    with pytest.warns(CompactionWarning, match=f"the turns are kept: .*({why})") as told:
        memory.save_context(*HI)
    assert "secret" not in str(told[0].message)
    assert memory.load_memory_variables({}) == {"history": "Human: hi\nAI: what's up"}
    memory.save_context(*NOT_MUCH)
    assert memory.load_memory_variables({}) == {"history": "They greet."}


def test_what_a_summary_does_not_stand_for_is_shown_after_it() -> None:
    model = ScriptedChatModel(["They greet.", ModelUnavailableError("gone."), "They chat."])
    memory = ConversationSummaryMemory(llm=model, return_messages=True, prompt=PROMPT)
    memory.save_context(*HI)
    with pytest.warns(CompactionWarning, match="gone"):
        memory.save_context(*NOT_MUCH)
    shown = memory.load_memory_variables({})["history"]
    assert [(one.type, one.text) for one in shown] == [
        ("system", "They greet."),
        ("human", "not much you"),
        ("ai", "not much"),
    ]
    assert memory.buffer == "They greet."
    assert memory.buffer_as_str == "They greet.\nHuman: not much you\nAI: not much"
    memory.save_context({"input": "bye"}, {"output": "bye"})
    assert model.calls[2].text == "They greet.|Human: not much you\nAI: not much\nHuman: bye\nAI: bye"


def test_the_prompt_may_be_ones_own_or_ragkits() -> None:
    own, ragkits = ScriptedChatModel(["a", "b"]), ScriptedChatModel(["a", "b"])
    for model, options in ((own, {"prompt": PROMPT}), (ragkits, {})):
        memory = ConversationSummaryMemory(llm=model, **options)
        memory.save_context(*HI)
        memory.save_context(*NOT_MUCH)
    assert [call.text for call in own.calls] == [
        "|Human: hi\nAI: what's up",
        "a|Human: not much you\nAI: not much",
    ]
    system, user = ragkits.calls[1].messages
    assert "not much you" not in system.text
    assert "Human: not much you" in user.text


def test_a_prompt_with_other_variables_is_refused() -> None:
    with pytest.raises(ConfigError, match="the prompt must have the variables summary and new_lines, it has: text"):
        ConversationSummaryMemory(llm=ScriptedChatModel([]), prompt=PromptTemplate.from_template("{text}"))


def test_a_model_of_texts_sums_up_too() -> None:
    memory = ConversationSummaryMemory(llm=FakeListLLM(responses=["They greet."]))
    memory.save_context(*HI)
    assert memory.buffer == "They greet."


def test_a_new_summary_can_be_asked_for_without_keeping_it() -> None:
    memory = ConversationSummaryMemory(llm=ScriptedChatModel(["They greet.", ModelUnavailableError("gone."), ""]))
    assert memory.predict_new_summary([HumanMessage("hi")], "") == "They greet."
    with pytest.raises(ModelError, match="gone"):
        memory.predict_new_summary([HumanMessage("hi")], "")
    with pytest.raises(ModelError, match="it gave no text"):
        memory.predict_new_summary([HumanMessage("hi")], "")
    assert memory.buffer == ""


def conversation() -> Any:
    history = ChatHistories().session("s")
    history.add_messages([HumanMessage("q1"), AIMessage("a1"), HumanMessage("q2"), AIMessage("a2"), HumanMessage("q3")])
    return history


def test_a_conversation_that_there_is_can_be_summed_up_step_by_step() -> None:
    model = ScriptedChatModel(["s1", "s2", "s3"])
    memory = ConversationSummaryMemory.from_messages(model, conversation(), prompt=PROMPT)
    assert [call.text for call in model.calls] == ["|Human: q1\nAI: a1", "s1|Human: q2\nAI: a2", "s2|Human: q3"]
    assert memory.load_memory_variables({}) == {"history": "s3"}


def test_a_step_that_fails_is_the_last_and_nothing_is_lost() -> None:
    model = ScriptedChatModel(["s1", ModelUnavailableError("gone.")])
    with pytest.warns(CompactionWarning, match="gone"):
        memory = ConversationSummaryMemory.from_messages(model, conversation(), prompt=PROMPT)
    assert memory.load_memory_variables({}) == {"history": "s1\nHuman: q2\nAI: a2\nHuman: q3"}


def test_a_step_never_parts_a_tool_call_from_its_result() -> None:
    history = ChatHistories().session("s")
    history.add_messages([HumanMessage("q"), AIMessage("", tool_calls=CALL), ToolMessage("r", tool_call_id="c1")])  # type: ignore[list-item]
    model = ScriptedChatModel(["s1", "s2"])
    ConversationSummaryMemory.from_messages(model, history, prompt=PROMPT, summarize_step=1)
    assert [call.text.count("Tool: r") for call in model.calls] == [0, 1]
    assert model.calls[1].text.startswith("s1|AI: ")


@pytest.mark.parametrize(
    ("kind", "name"),
    [(ConversationSummaryMemory, "buffer"), (ConversationSummaryBufferMemory, "moving_summary_buffer")],
)
def test_a_summary_that_is_handed_in_stands_for_what_was_said(kind: Any, name: str) -> None:
    model = ScriptedChatModel(["They go on."])
    memory = (
        kind(llm=model, chat_memory=conversation(), prompt=PROMPT, max_token_limit=1, **{name: "They chat."})
        if (kind is ConversationSummaryBufferMemory)
        else kind(llm=model, chat_memory=conversation(), prompt=PROMPT, **{name: "They chat."})
    )
    assert getattr(memory, name) == "They chat."
    memory.save_context(*HI)
    assert model.calls[0].text.startswith("They chat.|Human: hi")
    assert getattr(memory, name) == "They go on."
    memory.clear()
    assert getattr(memory, name) == ""
    assert len(memory.chat_memory.messages) == 0


def test_a_buffer_that_is_too_long_is_shown_where_no_summary_can_be_made() -> None:
    memory = ConversationSummaryBufferMemory(
        llm=ScriptedChatModel([ModelUnavailableError("gone."), "They greet."]), max_token_limit=7
    )
    memory.save_context(*HI)
    with pytest.warns(CompactionWarning, match="gone"):
        memory.save_context(*NOT_MUCH)
    assert memory.buffer == "Human: hi\nAI: what's up\nHuman: not much you\nAI: not much"
    memory.prune()
    assert memory.buffer == "System: They greet.\nHuman: not much you\nAI: not much"
    assert memory.moving_summary_buffer == "They greet."
    assert len(memory.chat_memory.messages) == 4


@pytest.mark.parametrize("limit", range(0, 30, 3))
def test_pruning_never_parts_a_tool_call_from_its_result(limit: int) -> None:
    memory = ConversationSummaryBufferMemory(
        llm=ScriptedChatModel(["s"]), max_token_limit=limit, return_messages=True, prompt=PROMPT
    )
    messages: list[BaseMessage] = [
        HumanMessage("q"),
        AIMessage("", tool_calls=CALL),  # type: ignore[arg-type]
        ToolMessage("r", tool_call_id="c1"),
        AIMessage("a"),
    ]
    memory.chat_memory.add_messages(messages)
    memory.prune()
    kinds = [one.type for one in memory.buffer if one.type != "system"]
    assert kinds in (["human", "ai", "tool", "ai"], ["ai", "tool", "ai"], ["ai"], [])


@settings(max_examples=50, deadline=None)
@given(lengths=st.lists(st.integers(0, 9), max_size=24), limit=st.integers(0, 60))
def test_pruning_sums_up_what_dropping_one_message_after_the_other_would_drop(lengths: list[int], limit: int) -> None:
    model = ScriptedChatModel(["s"])
    memory = ConversationSummaryBufferMemory(llm=model, max_token_limit=limit, prompt=PROMPT, return_messages=True)
    kinds = (HumanMessage, AIMessage)
    messages = [kinds[place % 2](" ".join(["w"] * length)) for place, length in enumerate(lengths)]
    memory.chat_memory.add_messages(messages)
    left = list(messages)
    while left and sum(len(message.text.split()) + 1 for message in left) > limit:
        left.pop(0)
    dropped = messages[: len(messages) - len(left)]
    memory.prune()
    assert memory.buffer[bool(dropped) :] == left
    assert [call.text for call in model.calls] == ([f"|{memory.text(dropped)}"] if dropped else [])


async def test_async_does_the_same() -> None:
    model = ScriptedChatModel(["They greet.", "They chat."])
    memory = ConversationSummaryBufferMemory(llm=model, max_token_limit=7)
    assert await memory.apredict_new_summary([HumanMessage("hi")], "") == "They greet."
    memory.chat_memory.add_messages([HumanMessage("one two three"), AIMessage("four five six")])
    await memory.aprune()
    assert await memory.abuffer() == memory.buffer == "System: They chat.\nAI: four five six"


@pytest.mark.filterwarnings("ignore:.*InMemoryChatMessageHistory")
def test_a_turn_that_another_program_cleared_meanwhile_is_not_summed_up() -> None:
    class Cleared(InMemoryChatMessageHistory):
        def add_messages(self, messages: Any) -> None:
            super().add_messages(messages)
            self.clear()

    model = ScriptedChatModel([])
    memory = ConversationSummaryMemory(llm=model, chat_memory=Cleared())
    memory.save_context(*HI)
    assert (memory.buffer, model.calls) == ("", ())


def test_of_two_processes_that_sum_up_at_once_one_counts(tmp_path: Path) -> None:
    with ChatHistories(tmp_path / "c.db") as first, ChatHistories(tmp_path / "c.db") as second:
        late = ConversationSummaryBufferMemory(
            llm=ScriptedChatModel(lambda _: (early.prune(), "late")[1]),
            chat_memory=first.session("s"),
            max_token_limit=0,
        )
        early = ConversationSummaryBufferMemory(
            llm=ScriptedChatModel(["early"]), chat_memory=second.session("s"), max_token_limit=0
        )
        late.save_context(*HI)
        assert late.moving_summary_buffer == early.moving_summary_buffer == "early"
        assert len(late.chat_memory.messages) == 2
