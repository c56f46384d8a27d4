"""`OpenAIChatModel` and a server that others wrote: `transformers serve` with the model of `small_model.py`, recorded.

The network is shut; `python tests/ragkit/models/openai/recordings/record.py` records anew. The server ignores
`stream_options`, `tool_choice` and `response_format`, gives a stop string as part of the text, and streams Responses
unless it is told not to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from ragkit.errors import ModelRequestError, ModelUnavailableError
from ragkit.models import OpenAIChatModel

pytestmark = pytest.mark.ragkit_cassette

BM25 = "BM25 ranks documents by the words they share with the query."
GREEK = "Γειά σου, ragkit! 👋 Τι κάνεις;"
COUNTED = "one two three four five six seven eight nine ten"


def model(**options: Any) -> OpenAIChatModel:
    return OpenAIChatModel(
        **{"model": "small-chat", "base_url": "http://127.0.0.1:8765/v1", "max_retries": 0, **options}
    )


@asynccontextmanager
async def awaited(**options: Any) -> AsyncIterator[OpenAIChatModel]:
    made = model(**options)
    try:
        yield made
    finally:
        await made.aclose()


def tokens(message: BaseMessage) -> tuple[int, int, int]:
    assert isinstance(message, AIMessage)
    usage = message.usage_metadata
    assert usage is not None
    assert "estimated" not in message.response_metadata
    return usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]


def test_a_question_is_answered() -> None:
    message = model().invoke("What is BM25?")
    assert message.text == BM25
    assert tokens(message) == (21, 14, 35)
    assert message.response_metadata["finish_reason"] == "stop"
    assert message.response_metadata["model_name"] == "small-chat@main"


async def test_a_question_is_answered_to_who_awaits_it() -> None:
    async with awaited() as asked:
        message = await asked.ainvoke("What is BM25?")
    assert message.text == BM25
    assert tokens(message) == (21, 14, 35)


def test_a_system_message_is_heard() -> None:
    asked = [SystemMessage("Answer in one word."), HumanMessage("Is it raining?")]
    assert model().invoke(asked).text == "No."


def test_a_conversation_goes_on() -> None:
    asked = [HumanMessage("What is BM25?"), AIMessage(BM25), HumanMessage("Who made it?")]
    assert model().invoke(asked).text == "Robertson and Walker, for the Okapi system."


def test_a_reply_is_cut_at_max_tokens() -> None:
    message = model(max_tokens=3).invoke("Count to ten.")
    assert message.text == "one two three"
    assert message.response_metadata["finish_reason"] == "length"
    assert tokens(message)[1] == 3


def test_a_stop_string_ends_the_reply() -> None:
    message = model().invoke("Count to ten.", stop=["five"])
    assert message.text == "one two three four five"
    assert message.response_metadata["finish_reason"] == "stop"


def test_a_stream_comes_piece_by_piece_with_usage_at_its_end() -> None:
    chunks = list(model().stream("Greet me in Greek."))
    texts = [str(chunk.text) for chunk in chunks if chunk.text]
    assert len(texts) > 5
    assert "".join(texts) == GREEK
    total = sum(chunks[1:], start=chunks[0])
    assert tokens(total)[0] == 21
    assert tokens(total)[1] > 5
    assert total.response_metadata["finish_reason"] == "stop"


async def test_a_stream_comes_piece_by_piece_to_who_awaits_it() -> None:
    async with awaited() as asked:
        texts = [str(chunk.text) async for chunk in asked.astream("Count to ten.")]
    assert "".join(texts) == COUNTED
    assert sum(bool(text) for text in texts) > 5


def test_a_stream_is_cut_at_max_tokens() -> None:
    chunks = list(model(max_tokens=2).stream("Count to ten."))
    total = sum(chunks[1:], start=chunks[0])
    assert (total.text, total.response_metadata["finish_reason"]) == ("one two", "length")


def test_responses_are_streamed() -> None:
    chunks = list(model(use_responses_api=True).stream("What is BM25?"))
    total = sum(chunks[1:], start=chunks[0])
    assert total.text == BM25
    assert sum(bool(chunk.text) for chunk in chunks) > 5
    assert tokens(total) == (21, 14, 35)
    assert total.response_metadata["finish_reason"] == "stop"


def test_responses_come_whole_where_the_server_is_told_so() -> None:
    message = model(use_responses_api=True, extra_body={"stream": False}).invoke("What is BM25?")
    assert message.text == BM25
    assert tokens(message) == (21, 14, 35)


async def test_responses_come_whole_to_who_awaits_them() -> None:
    async with awaited(use_responses_api=True, extra_body={"stream": False}) as asked:
        message = await asked.ainvoke("Count to ten.")
    assert message.text == COUNTED


def test_a_field_that_the_server_does_not_know_is_told_in_its_words() -> None:
    with pytest.raises(ModelRequestError, match=r"Unexpected fields in the request: \{'wrong'\}") as caught:
        model(extra_body={"wrong": 1}).invoke("What is BM25?")
    assert caught.value.status == 422


def test_a_model_that_is_not_there_is_a_failure_of_the_server() -> None:
    with pytest.raises(ModelUnavailableError, match="the server says: Internal Server Error") as caught:
        model(model="no-such-model").invoke("What is BM25?")
    assert caught.value.status == 500
