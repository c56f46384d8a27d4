"""A few-shot prompt in a LangChain chain, with any chat model."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompt_values import ChatPromptValue

from ragkit.errors import InputError, OutputParseError
from ragkit.prompts.examples import as_examples
from ragkit.prompts.few_shot import FewShot
from ragkit.prompts.parsers.entities import entities_parser
from ragkit.prompts.parsers.labels import label_parser
from ragkit.prompts.prompt import Prompt, Section, Variable
from ragkit.prompts.selectors.given import FixedSelector
from ragkit.testing import ScriptedChatModel

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
