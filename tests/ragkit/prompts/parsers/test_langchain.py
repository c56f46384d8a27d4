from __future__ import annotations

import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage

from ragkit.errors import OutputParseError
from ragkit.prompts.parsers.entities import Mention, entities_parser, show_mentions
from ragkit.prompts.parsers.labels import label_parser
from ragkit.prompts.parsers.langchain import as_langchain
from ragkit.testing import ScriptedChatModel


def test_a_parser_ends_a_chain() -> None:
    chain = ScriptedChatModel(["Positive."]) | as_langchain(label_parser(["positive", "negative"]))
    assert chain.invoke("a fine film") == "positive"


async def test_a_parser_ends_a_chain_that_is_awaited() -> None:
    parser = as_langchain(label_parser(["positive", "negative"]))
    assert await parser.ainvoke(AIMessage("negative")) == "negative"
    assert "".join([said async for said in parser.atransform(_said("nega", "tive"))]) == "negative"


async def _said(*texts: str):  # type: ignore[no-untyped-def]  # a stream of texts
    for text in texts:
        yield text


def test_what_cannot_be_read_is_an_error_of_both_worlds() -> None:
    parser = as_langchain(label_parser(["positive", "negative"]))
    with pytest.raises(OutputParserException, match="the reply is no label") as langchains:
        parser.invoke("hm")
    assert langchains.value.llm_output == "hm"
    with pytest.raises(OutputParseError, match="the reply is no label") as ours:
        parser.parse("hm")
    assert ours.value.raw_output == "hm"


def test_a_chain_asks_again_after_what_cannot_be_read() -> None:
    chain = ScriptedChatModel(["hm", "negative"]) | as_langchain(label_parser(["positive", "negative"]))
    again = chain.with_retry(
        retry_if_exception_type=(OutputParserException,), wait_exponential_jitter=False, stop_after_attempt=2
    )
    assert again.invoke("a dull film") == "negative"


def test_mentions_are_looked_up_in_the_text_that_is_given() -> None:
    parser = as_langchain(entities_parser(["person"]), given="I met Ada.")
    assert parser.parse(show_mentions([("Ada", "person")])) == (Mention("Ada", "person", 6, 9),)
    assert parser.get_name() == "LangChainOutputParser"
