from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatResult
from langchain_core.tools import tool

from ragkit.errors import ConfigError, ContextLengthError, InputError
from ragkit.messages.tokens import Tool, counter_for, counter_of_text
from ragkit.models import LocalChatModel, OpenAIChatModel, RetryChatModel
from ragkit.prompts.data import Source
from ragkit.prompts.examples import Example
from ragkit.prompts.explanation import PartTokens, explain
from ragkit.prompts.library import load_prompt
from ragkit.prompts.prompt import Prompt
from ragkit.prompts.sections import Section
from ragkit.prompts.variable import Variable
from ragkit.remote.prices import prices

ASK = Prompt(
    "ask",
    2,
    variables=(
        Variable("style", "option", default="brief"),
        Variable("examples", "examples", default=()),
        Variable("history", "messages", default=()),
        Variable("sources", "documents", default=()),
        Variable("question", "text"),
    ),
    sections=(
        Section("system", "Be {{style}} and kind."),
        Section("slot", "examples"),
        Section("slot", "history"),
        Section("user", "{{sources}}\n\n{{question}} Say {{style}}."),
    ),
)
CALL = {"name": "clock", "args": {}, "id": "1"}
VALUES = {
    "examples": [Example("one two", "three")],
    "history": [HumanMessage("is it late"), AIMessage("", tool_calls=[CALL]), ToolMessage("no", tool_call_id="1")],
    "sources": [Source("a", "tea is hot", "Tea")],
    "question": "why so?",
}


class Words:
    """A token a word, two a message, twenty a tool and five a tool call."""

    estimated = False

    def text(self, text: str) -> int:
        return len(text.split())

    def messages(self, messages: Sequence[BaseMessage], tools: Sequence[Tool] | None = None) -> int:
        calls = sum(len(message.tool_calls) for message in messages if isinstance(message, AIMessage))
        return sum(2 + self.text(message.text) for message in messages) + 5 * calls + 20 * len(tools or ())


class SilentChatModel(BaseChatModel):
    """Must not be called."""

    model_name: str = "gpt-4.1-mini"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise AssertionError("the model was called")

    @property
    def _llm_type(self) -> str:
        return "silent"


@tool
def clock() -> str:
    """Tell the time."""
    return ""


def test_tokens_are_told_by_part_and_add_up() -> None:
    told = explain(ASK, VALUES, counter=Words(), tools=[clock], seed=0)

    assert told.parts == (
        PartTokens("(prompt)", "system", 3),
        PartTokens("style", "system", 1),
        PartTokens("examples", "user", 2),
        PartTokens("examples", "assistant", 1),
        PartTokens("history", "messages", 15),
        PartTokens("sources", "user", 10),
        PartTokens("(prompt)", "user", 1),
        PartTokens("question", "user", 2),
        PartTokens("style", "user", 1),
        PartTokens("(tools)", "", 20),
        PartTokens("(layout)", "", 8),
    )
    assert told.tokens == sum(part.tokens for part in told.parts) == 64
    assert not told.estimated


def test_the_messages_are_those_that_will_be_sent() -> None:
    told = explain(ASK, VALUES, model="gpt-4o", seed=5)

    assert list(told.messages) == ASK.render(VALUES, seed=5)
    assert told.prompt == ASK.card
    assert told.tokens == counter_for("gpt-4o").messages(told.messages)
    assert told.estimated


def test_what_is_left_out_for_a_budget_is_told() -> None:
    told = explain(ASK, VALUES, counter=Words(), max_tokens=30, seed=5)

    assert (told.max_tokens, told.tokens) == (30, 22)
    assert [(unit.variable, unit.label) for unit in told.dropped] == [
        ("examples", "example 1"),
        ("history", "messages 1 to 3"),
    ]
    assert {part.name for part in told.parts} == {"(prompt)", "style", "sources", "question", "(layout)"}
    with pytest.raises(ContextLengthError, match="and 30 are allowed"):
        explain(ASK, VALUES, counter=Words(), max_tokens=30, order=("documents",))


def test_no_model_is_called() -> None:
    told = explain(ASK, VALUES, model=SilentChatModel(), max_tokens=100, reply_tokens=10)

    assert told.cost_usd == pytest.approx((told.tokens * 0.4 + 10 * 1.6) / 1e6)


OPENAI = OpenAIChatModel(model="gpt-4o", api_key="sk-none")


@pytest.mark.parametrize("model", ["gpt-4o", "openai:gpt-4o", OPENAI, RetryChatModel(model=OPENAI), OPENAI.bind(n=1)])
def test_prompt_and_reply_are_priced_by_the_models_name(model: Any) -> None:
    told = explain(ASK, VALUES, model=model, counter=Words(), reply_tokens=100)
    alone = explain(ASK, VALUES, model=model, counter=Words())

    assert told.tokens == 44
    assert told.cost_usd == pytest.approx((44 * 2.5 + 100 * 10) / 1e6)
    assert alone.cost_usd == pytest.approx(44 * 2.5 / 1e6)
    assert told.why_no_cost == ""


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (None, "no model was named"),
        ("my-own-model", "unpriced: my-own-model is not in the prices of 2026-06-04"),
        (FakeListChatModel(responses=[]), "the model has no name to look up"),
    ],
)
def test_an_unknown_cost_is_none_and_never_nothing(model: Any, why: str) -> None:
    told = explain(ASK, VALUES, model=model)

    assert told.cost_usd is None
    assert told.why_no_cost == why


def test_a_table_of_ones_own_prices_ones_own_model(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text('{"as_of": "2026-01-31", "source": "me", "models": {"mine": {"input": 1, "output": 2}}}')

    assert explain(ASK, VALUES, model="mine", counter=Words(), prices=prices(path)).cost_usd == 44 / 1e6


def test_a_model_that_runs_here_costs_nothing() -> None:
    assert explain(ASK, VALUES, model="local:some/model").cost_usd == 0.0


def test_a_local_model_is_counted_exactly(copy_model: Path) -> None:
    model = LocalChatModel(model=str(copy_model))
    values = {"question": "why so?", "sources": VALUES["sources"]}
    told = explain(ASK, values, model=RetryChatModel(model=model), seed=1)

    assert told.tokens == model.get_num_tokens_from_messages(ASK.render(values, seed=1))
    assert (told.estimated, told.cost_usd, told.why_no_cost) == (False, 0.0, "")
    assert sum(part.tokens for part in told.parts) == told.tokens
    model.close()


def test_tools_that_are_bound_count_where_none_are_given() -> None:
    bound = explain(ASK, VALUES, model=OPENAI.bind_tools([clock]))
    given = explain(ASK, VALUES, model=OPENAI, tools=[clock])

    assert bound.tokens == given.tokens
    assert bound.parts[-2] == given.parts[-2] != PartTokens("(tools)", "", 0)


def test_it_reads_as_a_page() -> None:
    told = explain(ASK, VALUES, model="gpt-4o", counter=Words(), max_tokens=30, reply_tokens=100, seed=5)

    size = "the whole prompt takes 44 tokens, 30 are allowed"
    assert str(told).split("\n")[:10] == [
        "ask v2: 22 tokens of 30 (counted), 0.001055 US dollars with a reply of 100 tokens",
        "  (prompt)  system           3",
        "  style     system           1",
        "  sources   user            10",
        "  (prompt)  user             1",
        "  question  user             2",
        "  style     user             1",
        "  (layout)                   4",
        f"  left out: examples, example 1, 3 tokens; {size}: the first shown goes first",
        f"  left out: history, messages 1 to 3, 4 tokens; {size}: the oldest turn goes first",
    ]
    assert str(told).endswith("\n\nwhy so? Say brief.")
    assert str(explain(ASK, VALUES)).startswith("ask v2: 101 tokens (estimated), cost unknown: no model was named\n")


def test_the_page_shows_calls_and_what_is_no_text() -> None:
    picture = HumanMessage([{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:,"}}])
    told = explain(ASK, {"question": "?", "history": [picture, *VALUES["history"][1:]]}, counter=Words(), seed=5)

    assert "--- user\nsee\n[image_url]\n--- assistant\n[call of clock] {}\n--- tool\nno\n--- user\n" in str(told)


def test_its_repr_shows_no_words_of_people() -> None:
    assert "tea" not in repr(explain(ASK, VALUES, counter=Words(), max_tokens=30)).lower()


def test_it_is_json() -> None:
    told = explain(ASK, VALUES, counter=Words(), max_tokens=30, seed=5).as_dict()
    read = json.loads(json.dumps(told))

    assert read == told
    assert read["parts"][0] == {"name": "(prompt)", "role": "system", "tokens": 3}
    assert read["messages"][0] == {"type": "system", "content": "Be brief and kind."}
    assert read["prompt"] == ASK.card


@pytest.mark.parametrize("reply_tokens", [-1, 1.5, True])
def test_a_reply_has_a_length(reply_tokens: Any) -> None:
    with pytest.raises(InputError, match="reply_tokens must be a whole number of at least 0, got"):
        explain(ASK, VALUES, reply_tokens=reply_tokens)


def test_a_model_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="tokens can be counted for a chat model, a model's name or a TokenCounter"):
        explain(ASK, VALUES, model=5)  # type: ignore[arg-type]
    assert explain(ASK, VALUES, model=5, counter=Words()).why_no_cost == "the model has no name to look up"  # type: ignore[arg-type]


def test_a_prompt_of_the_library_is_explained() -> None:
    told = explain(load_prompt("answer-question"), {"question": "Why?", "sources": ["Because."]}, model="gpt-4o")

    assert [part.name for part in told.parts] == ["(prompt)", "declines", "sources", "(prompt)", "question", "(layout)"]


TEXTS = st.text(st.sampled_from("ab é日\n.<|>{}"), max_size=30)
COUNTERS = st.sampled_from([Words(), counter_for("gpt-4o"), counter_of_text(lambda text: len(text) // 3)])


@given(TEXTS, st.lists(TEXTS, max_size=3), st.lists(st.builds(HumanMessage, TEXTS), max_size=3), COUNTERS)
@settings(max_examples=50, deadline=None)
def test_parts_always_add_up(question: str, sources: list[str], history: list[BaseMessage], counter: Any) -> None:
    told = explain(ASK, {"question": question, "sources": sources, "history": history}, counter=counter, seed=1)

    assert sum(part.tokens for part in told.parts) == told.tokens == counter.messages(told.messages)
