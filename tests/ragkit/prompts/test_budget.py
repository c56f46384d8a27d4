from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from ragkit.errors import ContextLengthError, InputError, ModelError
from ragkit.messages.rounds import is_whole, turns
from ragkit.messages.tokens import TokenCounter, Tool, counter_for, counter_of_text
from ragkit.models import LocalChatModel
from ragkit.prompts.budget import Dropped, fit
from ragkit.prompts.data import Source
from ragkit.prompts.examples import Example
from ragkit.prompts.prompt import Prompt
from ragkit.prompts.sections import Section
from ragkit.prompts.variable import Variable

ASK = Prompt(
    "ask",
    1,
    variables=(
        Variable("examples", "examples", default=()),
        Variable("history", "messages", default=()),
        Variable("sources", "documents", default=()),
        Variable("question", "text"),
    ),
    sections=(
        Section("system", "Answer from the sources."),
        Section("slot", "examples"),
        Section("slot", "history"),
        Section("user", "{{sources}}\n\n{{question}}"),
    ),
)
EXAMPLES = [Example("far", "a"), Example("nearer", "b", id="ex-2"), Example("nearest", "c")]
HISTORY = [HumanMessage("old?"), AIMessage("old."), HumanMessage("new?"), AIMessage("new.")]
SOURCES = [Source("", "best"), Source("", "good", origin="good.md"), Source("last", "poor")]
VALUES = {"examples": EXAMPLES, "history": HISTORY, "sources": SOURCES, "question": "why?"}


class Words:
    """One token a word, none for anything else; remembers how often it was asked."""

    estimated = False

    def __init__(self) -> None:
        self.prompts = 0

    def text(self, text: str) -> int:
        return len(text.split())

    def messages(self, messages: Sequence[BaseMessage], tools: Sequence[Tool] | None = None) -> int:
        self.prompts += 1
        return sum(self.text(message.text) for message in messages) + 10 * len(tools or ())


def _tokenizer() -> Tokenizer:
    """A small real one, made of a few sentences."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    texts = ["Answer from the sources. <<<SOURCES [1] the old and the new question why", "tea is hot, far and near"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


TOKENIZER = _tokenizer()
COUNTERS: dict[str, TokenCounter] = {
    "words": Words(),
    "estimate": counter_for("gpt-4o"),
    "tokenizer": counter_of_text(lambda text: len(TOKENIZER.encode(text.encode("utf-8", "replace").decode()).ids)),
}


def _labels(dropped: Sequence[Dropped]) -> list[tuple[str, int, str]]:
    return [(unit.variable, unit.index, unit.label) for unit in dropped]


IN_ORDER = [
    ("examples", 0, "example 1"),
    ("examples", 1, "ex-2"),
    ("examples", 2, "example 3"),
    ("history", 0, "messages 1 to 2"),
    ("history", 2, "messages 3 to 4"),
    ("sources", 2, "last"),
    ("sources", 1, "good.md"),
    ("sources", 0, "document 1"),
]
# Of words: the examples take 2 each, a turn 2, a source 3 with its line or 4 where that tells an origin.
SIZES = [29, 27, 25, 23, 21, 19, 16, 12, 9]


def test_a_prompt_that_fits_keeps_everything() -> None:
    counter = Words()
    fitted = fit(ASK, VALUES, max_tokens=29, counter=counter, seed=0)

    assert fitted.dropped == ()
    assert fitted.tokens == 29
    assert fitted.messages == ASK.render(VALUES, seed=0)
    assert counter.prompts == 1


@pytest.mark.parametrize("count", range(1, 9))
def test_units_go_in_the_stated_order_and_no_more_than_needed(count: int) -> None:
    exactly = fit(ASK, VALUES, max_tokens=SIZES[count], counter=Words())
    barely = fit(ASK, VALUES, max_tokens=SIZES[count - 1] - 1, counter=Words())

    assert _labels(exactly.dropped) == _labels(barely.dropped) == IN_ORDER[:count]
    assert exactly.tokens == barely.tokens == SIZES[count]


def test_what_was_dropped_says_what_it_took_and_why_it_went() -> None:
    fitted = fit(ASK, VALUES, max_tokens=17, counter=Words())

    assert fitted.dropped[0].as_dict() == {
        "variable": "examples",
        "index": 0,
        "label": "example 1",
        "tokens": 2,
        "why": "the whole prompt takes 29 tokens, 17 are allowed: the first shown goes first",
    }
    assert [unit.why.partition(": ")[2] for unit in fitted.dropped[3:]] == [
        "the oldest turn goes first",
        "the oldest turn goes first",
        "the last goes first",
    ]
    assert fitted.values["sources"] == (SOURCES[0], SOURCES[1])
    assert VALUES["sources"] is SOURCES
    assert len(SOURCES) == 3


def test_the_order_can_be_another_one() -> None:
    named = fit(ASK, VALUES, max_tokens=20, counter=Words(), order=("sources", "messages"))
    kept = fit(ASK, VALUES, max_tokens=23, counter=Words(), order=("examples",))

    assert _labels(named.dropped) == [IN_ORDER[5], IN_ORDER[6], IN_ORDER[7]]
    assert _labels(kept.dropped) == IN_ORDER[:3]
    with pytest.raises(ContextLengthError, match="takes 23 tokens without all that may be dropped, and 22 are allowed"):
        fit(ASK, VALUES, max_tokens=22, counter=Words(), order=("examples", "examples"))


def test_what_must_stay_and_is_too_long_is_an_error_with_both_numbers() -> None:
    with pytest.raises(ContextLengthError, match="prompt ask takes 9 tokens without") as caught:
        fit(ASK, VALUES, max_tokens=8, counter=Words())

    assert (caught.value.prompt_tokens, caught.value.context_tokens) == (9, 8)
    assert "why" not in str(caught.value)
    with pytest.raises(ContextLengthError, match="takes 29 tokens without all that may be dropped, and 28 are allowed"):
        fit(ASK, VALUES, max_tokens=28, counter=Words(), order=())


@pytest.mark.parametrize("max_tokens", [0, -1, 1.5, True, None])
def test_a_budget_is_a_whole_number_from_one(max_tokens: Any) -> None:
    with pytest.raises(InputError, match="max_tokens must be a whole number of at least 1, got"):
        fit(ASK, VALUES, max_tokens=max_tokens, counter=Words())


@pytest.mark.parametrize("entry", ["question", "history of it", "text"])
def test_an_order_names_what_can_be_dropped(entry: str) -> None:
    said = f"nothing of '{entry}' can be dropped: order may name examples, messages, documents, examples, history"
    with pytest.raises(InputError, match=said):
        fit(ASK, VALUES, max_tokens=5, counter=Words(), order=(entry,))


def test_an_order_is_a_list() -> None:
    with pytest.raises(InputError, match=r"order must be a list such as \('examples',\), got a text"):
        fit(ASK, VALUES, max_tokens=5, counter=Words(), order="examples")


class Forgetful(Words):
    """Finds no token anywhere, as a tokenizer that could not be loaded does."""

    def messages(self, messages: Sequence[BaseMessage], tools: Sequence[Tool] | None = None) -> int:
        return 0


def test_a_counter_that_finds_nothing_would_keep_everything_and_is_not_believed() -> None:
    with pytest.raises(ModelError, match="Forgetful counts 0 tokens where there is text: pass another counter"):
        fit(ASK, VALUES, max_tokens=5, counter=Forgetful())


def test_a_counter_that_finds_more_where_less_is_left_never_lets_a_prompt_be_too_long() -> None:
    counter = counter_of_text(lambda text: 100 - len(text))
    sizes = [counter.messages(ASK.render(_without(VALUES, n), seed=3)) for n in range(9)]
    for max_tokens in sizes:
        try:
            fitted = fit(ASK, VALUES, max_tokens=max_tokens, counter=counter, seed=3)
        except ContextLengthError:
            assert sizes[-1] > max_tokens
        else:
            assert fitted.tokens == counter.messages(fitted.messages) <= max_tokens


def test_tools_that_alone_are_too_long_are_told() -> None:
    with pytest.raises(ContextLengthError, match="prompt ask and its tools take 19 tokens without all that may be"):
        fit(ASK, VALUES, max_tokens=18, counter=Words(), tools=[{"name": "clock"}])


@pytest.mark.parametrize("begun", [(), (Section("assistant", "So:"),)])
def test_the_question_stays_where_it_is_the_newest_turn_of_the_history(begun: tuple[Section, ...]) -> None:
    agent = Prompt(
        "agent",
        1,
        variables=(Variable("messages", "messages"),),
        sections=(Section("system", "Help."), Section("slot", "messages"), *begun),
    )
    call = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1"}])
    messages = [*HISTORY, HumanMessage("and now?"), call, ToolMessage("42", tool_call_id="1")]
    fitted = fit(agent, {"messages": messages}, max_tokens=5, counter=Words())

    assert fitted.values["messages"] == tuple(messages[4:])
    with pytest.raises(ContextLengthError, match=r"prompt agent takes [45] tokens without all that may be dropped"):
        fit(agent, {"messages": messages}, max_tokens=3, counter=Words())


def test_tools_take_their_room() -> None:
    @tool
    def weather(city: str) -> str:
        """Tell the weather."""
        return city

    fitted = fit(ASK, VALUES, max_tokens=29, counter=Words(), tools=[weather])

    assert fitted.tokens == 29
    assert len(fitted.dropped) == 5


def test_words_of_the_system_in_a_history_stay() -> None:
    history = [SystemMessage("rules"), HumanMessage("old?"), SystemMessage("more"), AIMessage("old."), *HISTORY[2:]]
    fitted = fit(ASK, {"history": history, "question": "?"}, max_tokens=11, counter=Words())

    assert [message.text for message in fitted.values["history"]] == ["rules", "more"]
    assert _labels(fitted.dropped) == [("history", 1, "messages 2 to 4"), ("history", 4, "messages 5 to 6")]


def test_a_tool_call_goes_with_its_results() -> None:
    calls = [{"name": "add", "args": {}, "id": "1"}, {"name": "add", "args": {}, "id": "2"}]
    history = [
        HumanMessage("1+2 and 3+4?"),
        AIMessage("", tool_calls=calls),
        ToolMessage("7", tool_call_id="2"),
        ToolMessage("3", tool_call_id="1"),
        AIMessage("3 and 7"),
        HumanMessage("thanks"),
    ]
    fitted = fit(ASK, {"history": history, "question": "?"}, max_tokens=11, counter=Words())

    assert _labels(fitted.dropped) == [("history", 0, "messages 1 to 5")]
    assert fitted.values["history"] == (history[5],)


def test_a_thousand_units_are_rendered_a_dozen_times() -> None:
    counter = Words()
    values = {"examples": [Example(str(n), "x") for n in range(1000)], "question": "?"}
    fitted = fit(ASK, values, max_tokens=109, counter=counter)

    assert [message.text for message in fitted.messages[1:3]] == ["950", "x"]
    assert counter.prompts <= 13


def test_the_same_seed_gives_the_same_bytes_and_none_gives_other_marks() -> None:
    values = {**VALUES, "question": "x"}
    again = [fit(ASK, values, max_tokens=20, counter=Words(), seed=1).messages[-1].text for _ in range(2)]
    fresh = [fit(ASK, values, max_tokens=20, counter=Words()).messages[-1].text for _ in range(2)]

    assert again[0] == again[1]
    assert fresh[0] != fresh[1]


def test_examples_that_stand_in_a_section_go_as_well() -> None:
    prompt = Prompt(
        "text",
        1,
        variables=(Variable("shots", "examples", default=EXAMPLES), Variable("text", "text")),
        sections=(Section("user", "{{shots}}\n\n{{text}}"),),
    )
    fitted = fit(prompt, {"text": "why?"}, max_tokens=3, counter=Words())

    assert [message.text for message in fitted.messages] == ["nearest\nc\n\nwhy?"]
    assert _labels(fitted.dropped) == [("shots", 0, "example 1"), ("shots", 1, "ex-2")]


def test_a_local_model_gets_no_token_more_than_its_own_template_makes(copy_model: Path) -> None:
    model = LocalChatModel(model=str(copy_model))
    fitted = fit(ASK, VALUES, max_tokens=150, counter=model, seed=3)
    more = ASK.render({**fitted.values, "sources": SOURCES[: len(fitted.values["sources"]) + 1]}, seed=3)

    assert fitted.tokens == model.get_num_tokens_from_messages(fitted.messages) <= 150
    assert model.get_num_tokens_from_messages(more) > 150
    model.close()


WORDS = st.text(st.sampled_from("aé 日\n1<|>{}[]"), min_size=1, max_size=30)
EXAMPLE_LISTS = st.lists(st.builds(Example, WORDS, WORDS), max_size=5)
SOURCE_LISTS = st.lists(st.builds(Source, WORDS, WORDS, WORDS, WORDS), max_size=5)


@st.composite
def histories(draw: st.DrawFn) -> list[BaseMessage]:
    messages: list[BaseMessage] = [SystemMessage("rules")] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(0, 4))):
        messages.append(HumanMessage(draw(WORDS)))
        ids = [f"c{len(messages)}-{n}" for n in range(draw(st.integers(0, 3)))]
        if ids:
            messages.append(AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": name} for name in ids]))
            messages += [ToolMessage(draw(WORDS), tool_call_id=name) for name in draw(st.permutations(ids))]
        messages.append(AIMessage(draw(WORDS)))
    return messages


def _without(values: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Drop the first `count` units one by one, as the stated order has them."""
    left: dict[str, Any] = {name: value if isinstance(value, str) else list(value) for name, value in values.items()}
    for _ in range(count):
        old = [turn for turn in turns(left["history"]) if {type(m) for m in left["history"][turn]} - {SystemMessage}]
        if left["examples"]:
            left["examples"].pop(0)
        elif old:
            kept = [message for message in left["history"][old[0]] if isinstance(message, SystemMessage)]
            left["history"][old[0]] = kept
        else:
            left["sources"].pop()
    return left


@pytest.mark.parametrize("name", COUNTERS)
@given(EXAMPLE_LISTS, histories(), SOURCE_LISTS, WORDS, st.integers(1, 400))
@settings(max_examples=30, deadline=None)
def test_a_prompt_is_never_over_its_budget_and_loses_no_more_than_it_must(
    name: str,
    examples: list[Example],
    history: list[BaseMessage],
    sources: list[Source],
    question: str,
    max_tokens: int,
) -> None:
    counter = COUNTERS[name]
    values = {"examples": examples, "history": history, "sources": sources, "question": question}
    units = (
        len(examples) + len(sources) + sum(bool(set(map(type, history[t])) - {SystemMessage}) for t in turns(history))
    )
    sizes = [counter.messages(ASK.render(_without(values, n), seed=3)) for n in range(units + 1)]
    if min(sizes) > max_tokens:
        with pytest.raises(ContextLengthError, match="without all that may be dropped"):
            fit(ASK, values, max_tokens=max_tokens, counter=counter, seed=3)
        return

    fitted = fit(ASK, values, max_tokens=max_tokens, counter=counter, seed=3)
    count = next(n for n, size in enumerate(sizes) if size <= max_tokens)

    assert fitted.tokens == counter.messages(fitted.messages) <= max_tokens
    assert len(fitted.dropped) == count
    assert fitted.messages == ASK.render(_without(values, count), seed=3)
    assert is_whole(fitted.messages)
