from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from ragkit.errors import ConfigError, ContextLengthError, InputError, OutputParseError
from ragkit.messages.counters import counter_of
from ragkit.messages.tokens import counter_for
from ragkit.prompts.examples import Example, as_examples
from ragkit.prompts.few_shot import FewShot, Layout
from ragkit.prompts.parsers.entities import entities_parser
from ragkit.prompts.parsers.labels import label_parser
from ragkit.prompts.parsers.texts import text_parser
from ragkit.prompts.prompt import Prompt, Section, Variable
from ragkit.prompts.selectors.given import FixedSelector
from ragkit.prompts.selectors.similarity import SimilaritySelector
from ragkit.testing import HashingEmbeddings, ScriptedChatModel

bounded = settings(max_examples=50, deadline=None)
layouts = pytest.mark.parametrize("layout", ["turns", "text"])
counter = counter_for("gpt-4o")
FILMS = as_examples([("a gem", "good"), ("a bore", "bad"), ("I laughed", "good"), ("I slept", "bad")])
PROMPT = Prompt(
    "films",
    1,
    variables=(
        Variable("labels", "option"),
        Variable("shown", "examples", default=()),
        Variable("review", "text"),
    ),
    sections=(Section("system", "One of {{labels}}."), Section("slot", "shown"), Section("user", "{{review}}")),
)


def films(layout: Layout = "turns", **fields: Any) -> FewShot[str]:
    given_fields = {"selector": FixedSelector(FILMS[:2]), "parser": label_parser(["good", "bad"]), **fields}
    return FewShot(PROMPT, layout=layout, options={"labels": ["good", "bad"]}, subject="review", **given_fields)


def told(messages: Sequence[BaseMessage]) -> list[tuple[str, str]]:
    return [(message.type, str(message.content)) for message in messages]


def test_examples_are_turns_between_the_instruction_and_the_text() -> None:
    assert told(films().render("I slept")) == [
        ("system", "One of good, bad."),
        ("human", "a gem"),
        ("ai", "good"),
        ("human", "a bore"),
        ("ai", "bad"),
        ("human", "I slept"),
    ]


def test_examples_are_text_before_the_question() -> None:
    assert told(films("text").render("I slept")) == [
        ("system", "One of good, bad."),
        ("human", "a gem\ngood\n\na bore\nbad\n\nI slept"),
    ]


def test_examples_are_chosen_for_each_text_the_nearest_beside_the_question() -> None:
    few_shot = films(selector=SimilaritySelector(FILMS, HashingEmbeddings(), 2))
    assert [text for _, text in told(few_shot.render("I laughed a lot"))][1:] == [
        "I slept",
        "bad",
        "I laughed",
        "good",
        "I laughed a lot",
    ]
    assert few_shot.choose("I laughed a lot") == [FILMS[3], FILMS[2]]


def test_a_value_given_with_the_text_goes_before_an_option() -> None:
    assert films().render("I slept", labels=["yes", "no"])[0].content == "One of yes, no."


@layouts
@bounded
@given(text=st.text(), words=st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), max_size=3))
def test_no_text_changes_the_structure_and_the_same_gives_the_same_bytes(
    layout: Layout, text: str, words: list[tuple[str, str]]
) -> None:
    few_shot = films(layout, selector=FixedSelector(as_examples(words), show_same=True))
    messages = few_shot.render(text)
    assert [message.type for message in messages] == [
        "system",
        *(["human", "ai"] * len(words) if layout == "turns" else []),
        "human",
    ]
    assert messages[0].content == "One of good, bad."
    assert str(messages[-1].content).endswith(text)
    assert messages == few_shot.render(text)


@layouts
@bounded
@given(size=st.integers(0, 12), max_tokens=st.integers(30, 200))
def test_a_budget_takes_the_first_examples_shown_and_no_more_than_needed(
    layout: Layout, size: int, max_tokens: int
) -> None:
    pool = [Example(f"film number {place}", "good") for place in range(size)]
    free = films(layout, selector=FixedSelector(pool))
    bounded_one = replace(free, max_tokens=max_tokens, counter=counter)
    fitted = bounded_one.fitted("I slept")
    kept = pool[len(fitted.dropped) :]
    assert fitted.messages == free.with_examples(kept).render("I slept") == bounded_one.render("I slept")
    assert fitted.tokens == counter.messages(fitted.messages) <= max_tokens
    if fitted.dropped:
        one_more = free.with_examples(pool[len(fitted.dropped) - 1 :]).render("I slept")
        assert counter.messages(one_more) > max_tokens


def test_a_budget_without_room_for_the_text_alone_is_an_error() -> None:
    with pytest.raises(ContextLengthError, match=r"^prompt films takes \d+ tokens without all that may be dropped"):
        films(max_tokens=5, counter=counter).render("I slept")


@layouts
def test_what_is_explained_is_what_is_sent_and_no_model_is_called(layout: Layout) -> None:
    def fail(_: Sequence[BaseMessage]) -> str:
        raise AssertionError("a model was called")

    few_shot = films(layout, selector=FixedSelector(FILMS), max_tokens=32, counter=counter)
    explanation = few_shot.explain("I loved it", model=ScriptedChatModel(fail), reply_tokens=3)
    assert list(explanation.messages) == few_shot.render("I loved it")
    assert explanation.tokens == sum(part.tokens for part in explanation.parts) <= 32
    assert [unit.label for unit in explanation.dropped][:1] == ["example 1"]
    assert explanation.prompt == few_shot.card["prompt"]
    assert explanation.reply_tokens == 3


def test_without_a_budget_the_models_own_tokens_and_price_are_told() -> None:
    explanation = films().explain("I slept", model="openai:gpt-4o")
    assert explanation.tokens == counter.messages(films().render("I slept"))
    assert explanation.cost_usd is not None
    assert films().explain("I slept", labels="x").messages[0].content == "One of x."
    assert films(counter=counter).explain("I slept").estimated


def test_a_reply_is_parsed_as_text_or_message() -> None:
    assert films().parse("Good.") == "good"
    assert films().parse(AIMessage("bad")) == "bad"
    with pytest.raises(OutputParseError, match="label") as caught:
        films().parse("It depends.")
    assert caught.value.raw_output == "It depends."


def test_a_parser_may_look_things_up_in_the_text() -> None:
    few_shot = films(parser=entities_parser(["person"]))
    found = few_shot.parse('{"entities": [{"text": "Ann", "type": "person"}]}', text="I met Ann.")
    assert [(mention.start, mention.end) for mention in found] == [(6, 9)]  # type: ignore[attr-defined]


def test_a_control_token_that_the_prompt_broke_is_whole_again_in_what_is_read() -> None:
    prompt = replace(PROMPT, variables=(*PROMPT.variables[:2], Variable("review", "data")))
    copied = replace(films(), prompt=prompt, parser=entities_parser(["person"]))
    text = "I met <|im_end|>."
    assert copied.render(text)[-1].text == "I met <␛|im_end|>."
    (found,) = copied.parse('{"entities": [{"text": "<␛|im_end|>", "type": "person"}]}', text=text)
    assert (found.text, found.start) == ("<|im_end|>", 6)
    with pytest.raises(OutputParseError) as caught:
        copied.parse("<␛|im_end|>", text=text)
    assert caught.value.raw_output == "<␛|im_end|>"
    assert replace(films(), parser=text_parser()).parse("a <␛|b|>") == "a <␛|b|>"  # a slot of kind text breaks nothing


def test_copies_leave_the_original_as_it_is() -> None:
    few_shot = films(selector=SimilaritySelector(FILMS, HashingEmbeddings(), 2))
    other = few_shot.with_examples([("fine", "good")])
    assert isinstance(other.selector, SimilaritySelector)
    assert other.choose("x") == [Example("fine", "good")]
    assert few_shot.with_selector(FixedSelector(FILMS[:1])).choose("x") == [FILMS[0]]
    reworded = few_shot.with_prompt(PROMPT.with_instruction("Say {{labels}}!"))
    assert reworded.render("x")[0].content == "Say good, bad!"
    assert few_shot.render("I slept") == films(selector=few_shot.selector).render("I slept")


def test_a_selector_without_a_pool_gives_way_to_fixed_examples() -> None:
    class First:
        @property
        def card(self) -> Mapping[str, Any]:
            return {"selector": "first"}

        def select(self, text: str, /) -> Sequence[Example]:
            return [Example(text, "good")]

    few_shot = films(selector=First())
    assert few_shot.choose("x") == [Example("x", "good")]
    assert few_shot.with_examples([("y", "bad")]).choose("x") == [Example("y", "bad")]
    assert few_shot.card["selector"] == {"selector": "first"}


def test_the_card_tells_what_decides_the_messages_and_shows_no_example() -> None:
    card = films().card
    assert json.loads(json.dumps(card)) == card
    assert card["prompt"]["name"] == "films"
    assert card["options"] == {"labels": ["good", "bad"]}
    assert "gem" not in json.dumps(card) + repr(films())
    makers: list[Callable[[], FewShot[str]]] = [
        films,
        lambda: films("text"),
        lambda: films(max_tokens=90, counter=counter),
        lambda: films(selector=FixedSelector(FILMS)),
        lambda: replace(films(), options={"labels": "good"}),
    ]
    assert len({json.dumps(make().card) for make in makers}) == len(makers)


def test_documents_stand_between_marks_that_a_seed_repeats() -> None:
    asked = Prompt(
        "ask",
        1,
        variables=(
            Variable("examples", "examples"),
            Variable("sources", "documents", default=()),
            Variable("text", "text"),
        ),
        sections=(Section("slot", "examples"), Section("user", "{{sources}}\n\n{{text}}")),
    )
    few_shot = FewShot(asked, FixedSelector(()), text_parser(), seed=7, options={"sources": ["one"]})
    assert few_shot.render("Why?", sources=["a fact"]) == few_shot.render("Why?", sources=["a fact"])
    free = replace(few_shot, seed=None)
    assert free.render("Why?", sources=["a fact"]) != free.render("Why?", sources=["a fact"])
    assert few_shot.card["options"] == {}  # documents are no part of what a builder is


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"subject": "text"}, r"^prompt films has no variable 'text' of kind text or data: name the one that takes"),
        ({"subject": "labels"}, r"^prompt films has no variable 'labels' of kind text or data"),
        ({"layout": "table"}, r"^layout must be one of turns, text, got 'table'\.$"),
        ({"max_tokens": 100}, r"^max_tokens needs a counter: pass the chat model, its name or a TokenCounter\.$"),
        ({"prompt": PROMPT.with_examples_as_text()}, r"^prompt films has its examples inside a section: pass layout="),
        ({"selector": [FILMS[0]]}, r"^a selector has `select` and `card`, got list: wrap examples in FixedSelector\.$"),
        (
            {"prompt": Prompt("p", 1, variables=(Variable("review", "text"),), sections=(PROMPT.sections[2],))},
            r"^prompt p needs one variable of kind examples to be shown any\.$",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused_when_it_is_made(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(films(), **fields)


def test_an_unknown_option_is_refused_when_it_is_made_and_a_value_when_it_is_given() -> None:
    with pytest.raises(InputError, match=r"^prompt films has no variable 'label': its variables are"):
        replace(films(), options={"label": "good"})
    with pytest.raises(InputError, match="has no variable 'sources'"):
        films().render("x", sources=[])
    with pytest.raises(InputError, match="needs a value for labels"):
        replace(films(), options={}).render("x")


@pytest.mark.parametrize("name", ["review", "shown"])
def test_the_text_and_the_examples_are_not_given_by_name(name: str) -> None:
    with pytest.raises(InputError, match=rf"^{name} is not given by name: the text comes first, and the selector"):
        films().render("x", **{name: "y"})
    with pytest.raises(InputError, match=rf"^{name} is not given by name: the text comes first, and the selector"):
        replace(films(), options={name: "y"})


@pytest.mark.parametrize("text", [None, 3, ["I slept"]])
def test_what_is_no_text_is_refused_before_a_selector_looks_at_it(text: Any) -> None:
    few_shot = films(selector=SimilaritySelector(FILMS, HashingEmbeddings(), 2))
    for ask in (few_shot.render, few_shot.explain):
        with pytest.raises(InputError, match=rf"^variable review must be a text, got {type(text).__name__}"):
            ask(text)


def test_a_budget_is_counted_by_a_counter_a_model_or_its_name() -> None:
    model = ScriptedChatModel(["good"])
    counted = [films(max_tokens=32, counter=one).fitted("I slept") for one in (counter, "openai:gpt-4o", model)]
    assert counted[0] == counted[1]
    assert counted[2].tokens == counter_of(model).messages(counted[2].messages) <= 32


def test_there_is_nothing_to_fit_without_a_budget() -> None:
    with pytest.raises(ConfigError, match=r"^there is no budget to fit: make the few-shot prompt with max_tokens"):
        films().fitted("x")


def test_a_prompt_that_has_its_examples_in_a_section_is_laid_out_as_text() -> None:
    few_shot = films("text", selector=FixedSelector(FILMS[:1]))
    again = replace(few_shot, prompt=PROMPT.with_examples_as_text())
    assert again.render("x") == few_shot.render("x") == [few_shot.render("x")[0], HumanMessage("a gem\ngood\n\nx")]
