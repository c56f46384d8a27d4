"""A few-shot prompt in a LangChain chain, with any chat model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompt_values import ChatPromptValue
from langchain_core.runnables import Runnable

from ragkit.errors import ConfigError, InputError, OutputParseError
from ragkit.prompts.examples import as_examples, read_examples
from ragkit.prompts.few_shot import FewShot
from ragkit.prompts.parsers.entities import entities_parser
from ragkit.prompts.parsers.labels import label_parser
from ragkit.prompts.parsers.parser import Parser
from ragkit.prompts.parsers.texts import text_parser
from ragkit.prompts.prompt import Prompt, Section, Variable
from ragkit.prompts.selectors.given import FixedSelector
from ragkit.prompts.selectors.similarity import SimilaritySelector
from ragkit.prompts.tasks.topic import topic
from ragkit.testing import HashingEmbeddings, ScriptedChatModel

PROMPT = Prompt(
    "films",
    1,
    variables=(Variable("tone", "option", default="short"), Variable("examples", "examples"), Variable("text", "text")),
    sections=(Section("system", "Be {{tone}}."), Section("slot", "examples"), Section("user", "{{text}}")),
)
EXAMPLES = FixedSelector(as_examples([("a gem", "good"), ("a bore", "bad")]))
FILMS: FewShot[str] = FewShot(PROMPT, EXAMPLES, label_parser(["good", "bad"]))


def judge(messages: Sequence[BaseMessage]) -> str:
    """Say good of what has an exclamation mark."""
    return "Good." if "!" in messages[-1].text else "bad"


def test_a_text_goes_in_and_a_label_comes_out() -> None:
    model = ScriptedChatModel(judge)
    chain = FILMS.runnable(model)
    assert chain.invoke("I laughed!") == "good"
    assert [message.text for message in model.calls[0].messages] == [
        "Be short.",
        "a gem",
        "good",
        "a bore",
        "bad",
        "I laughed!",
    ]


def test_a_mapping_gives_the_other_variables_too() -> None:
    model = ScriptedChatModel(judge)
    assert FILMS.runnable(model).invoke({"text": "I slept", "tone": "kind"}) == "bad"
    assert model.calls[0].messages[0].text == "Be kind."


def test_a_bound_model_and_one_with_fallbacks_serve_as_well() -> None:
    broken = ScriptedChatModel([ConnectionError("down")])
    assert FILMS.runnable(broken.with_fallbacks([ScriptedChatModel(judge)])).invoke("Fine!") == "good"
    assert FILMS.runnable(ScriptedChatModel(["good for nothing"]).bind(stop=[" for"])).invoke("Fine!") == "good"


async def test_it_works_async_in_batches_and_as_a_stream() -> None:
    chain = FILMS.runnable(ScriptedChatModel(judge))
    assert await chain.ainvoke("Fine!") == "good"
    assert chain.batch(["Fine!", "I slept", "Oh!"]) == ["good", "bad", "good"]
    assert await chain.abatch(["I slept", "Fine!"]) == ["bad", "good"]
    assert list(chain.stream("Fine!")) == ["good"]
    assert [label async for label in chain.astream("I slept")] == ["bad"]


def test_a_reply_that_cannot_be_read_is_an_error_of_both_houses_with_all_that_was_said() -> None:
    chain = FILMS.runnable(ScriptedChatModel(["It depends."]))
    with pytest.raises(OutputParserException) as caught:
        chain.invoke("I slept")
    assert isinstance(caught.value, OutputParseError)
    assert caught.value.raw_output == caught.value.llm_output == "It depends."


def test_the_parser_is_told_the_text_asked_about() -> None:
    few_shot = FewShot(PROMPT, EXAMPLES, entities_parser(["person"]))
    said = '{"entities": [{"text": "Ann", "type": "person"}]}'
    found = few_shot.runnable(ScriptedChatModel([said])).invoke("I met Ann.")
    assert [(mention.start, mention.end) for mention in found] == [(6, 9)]


@pytest.mark.parametrize("given", [None, 3, ["I slept"], HumanMessage("I slept")])
def test_what_is_neither_a_text_nor_a_mapping_is_refused(given: Any) -> None:
    with pytest.raises(InputError, match=rf"^variable text must be a text, got {type(given).__name__}"):
        FILMS.runnable(ScriptedChatModel(judge)).invoke(given)


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_labelled_rows_become_a_classifier_in_a_few_lines(tmp_path: Path, ending: str) -> None:
    texts = {
        "csv": 'text,label\n"My card, it is lost.",card\nThe card was stolen.,card\nMy top-up is late.,top-up\n',
        "jsonl": '{"text": "My card is lost.", "label": "card"}\n{"text": "My top-up is late.", "label": "top-up"}\n',
    }
    file = tmp_path / f"rows.{ending}"
    file.write_text(texts[ending], encoding="utf-8")

    rows = read_examples(file, input_key="text", output_key="label")
    nearest = SimilaritySelector(rows, HashingEmbeddings(), 1)
    topics = topic(sorted({row.output for row in rows}), selector=nearest)
    classifier = topics.runnable(ScriptedChatModel(lambda messages: messages[-2].text))  # says what it is shown last
    assert classifier.batch(["Is my card lost?", "Why is the top-up late?"]) == ["card", "top-up"]


@pytest.mark.parametrize(
    "reply",
    [
        '{"label": "good"}',
        AIMessage("So be it.", tool_calls=[{"name": "reply", "args": {"label": "good"}, "id": "1"}]),
    ],
)
async def test_a_held_model_is_read_whichever_way_it_is_held(reply: str | AIMessage) -> None:
    model = ScriptedChatModel([reply] * 3)
    chain = FILMS.runnable(model, structured=True)
    assert chain.invoke("I laughed!") == await chain.ainvoke("I laughed!") == next(chain.stream("I laughed!")) == "good"
    schema = model.calls[0].options["response_format"]["json_schema"]["schema"]
    assert schema["properties"] == {"label": {"type": "string", "enum": ["good", "bad"]}}


def test_a_held_model_that_says_no_json_all_the_same_is_an_error_with_all_it_said() -> None:
    said = '{"label": good}'
    broken = AIMessage("", invalid_tool_calls=[{"name": "reply", "args": said, "id": "1", "error": None}])
    for reply in (said, broken):
        with pytest.raises(OutputParseError, match="no JSON") as caught:
            FILMS.runnable(ScriptedChatModel([reply]), structured=True).invoke("I slept")
        assert caught.value.raw_output == said


@pytest.mark.parametrize(
    ("parser", "model", "said"),
    [
        (text_parser(), ScriptedChatModel([]), "replies to prompt films are free text: leave structured=True out"),
        (FILMS.parser, ScriptedChatModel([]).bind(stop=["."]), "needs a chat model itself, got a _ChatModelBinding"),
        (FILMS.parser, FakeListChatModel(responses=[]), "FakeListChatModel cannot be held to a schema"),
    ],
)
def test_what_cannot_be_held_is_refused(parser: Parser[str], model: Runnable[Any, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        FewShot(PROMPT, EXAMPLES, parser).runnable(model, structured=True)


def test_the_prompt_alone_streams_the_reply_as_it_comes() -> None:
    chain = FILMS.as_langchain() | ScriptedChatModel(["two words"]) | StrOutputParser()
    assert list(chain.stream({"text": "I slept"})) == ["two", " words", ""]


async def test_the_prompt_alone_is_a_chat_prompt_template() -> None:
    prompt = FILMS.as_langchain()
    assert (prompt.input_variables, prompt.optional_variables) == (["text"], ["tone"])
    assert prompt.invoke("I slept") == ChatPromptValue(messages=FILMS.render("I slept"))
    assert await prompt.ainvoke({"text": "I slept", "tone": "kind"}) == prompt.invoke(
        {"text": "I slept", "tone": "kind"}
    )
    assert prompt.partial(tone="kind").format_messages(text="x")[0].content == "Be kind."
    assert "gem" not in repr(prompt)
    assert prompt.get_input_jsonschema()["required"] == ["text"]


def test_unknown_and_missing_variables_are_named() -> None:
    prompt = FILMS.as_langchain()
    with pytest.raises(InputError, match=r"^prompt films has no variable 'tune'|prompt films: .*'tune'"):
        prompt.invoke({"text": "x", "tune": "kind"})
    with pytest.raises(InputError, match=r"^prompt films needs a value for text\.$"):
        prompt.invoke({"tone": "kind"})
    with pytest.raises(InputError, match=r"^prompt films needs a value for text\.$"):
        FILMS.runnable(ScriptedChatModel(judge)).invoke({"tone": "kind"})


def test_a_chain_that_hands_on_more_is_served_without_strictness() -> None:
    from ragkit.prompts.few_shot_chain import FewShotChatPrompt

    prompt = FewShotChatPrompt.around(FILMS, strict=False)
    assert prompt.format_messages(text="x", context="y")[-1] == HumanMessage("x")
