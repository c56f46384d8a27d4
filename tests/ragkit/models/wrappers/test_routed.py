from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from langchain_core.messages import BaseMessage
from pydantic import BaseModel

from ragkit.errors import (
    ModelAccessError,
    ModelUnavailableError,
)
from ragkit.models.wrappers.fallback import FallbackChatModel
from ragkit.models.wrappers.routed import ParserOfTheAnswerer
from ragkit.testing import ScriptedChatModel
from ragkit.testing.script import Line

_DOWN = ModelUnavailableError("the server failed", status=503, retry_after_s=9.0)


_DENIED = ModelAccessError("the key is refused")


def _named(name: str, *lines: Line) -> ScriptedChatModel:
    return ScriptedChatModel(list(lines), model_name=name)


class Answer(BaseModel):
    text: str


class Shouting(ScriptedChatModel):
    """Has a form of its own: the answer stands after a mark."""

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Any:
        return self.bind(shout=True) | (lambda reply: schema(text=reply.content.removeprefix("ANSWER ")))


def _two_forms() -> FallbackChatModel:
    lines = iter([_DOWN, [{"name": "Answer", "args": {"text": "yes"}}]] * 2)
    return FallbackChatModel(models=[ScriptedChatModel(lambda _: next(lines)), Shouting(lambda _: "ANSWER no")])


async def test_an_answer_is_read_as_the_model_that_gave_it_would() -> None:
    chain = _two_forms().with_structured_output(Answer)

    assert chain.invoke("a") == Answer(text="no")
    assert await chain.ainvoke("b") == Answer(text="yes")
    assert list(chain.stream("c"))[-1] == Answer(text="no")
    assert [part async for part in chain.astream("d")][-1] == Answer(text="yes")


async def test_a_fallback_in_a_fallback_reads_answers_too() -> None:
    inner = _two_forms()
    outer = FallbackChatModel(models=[_named("a", *[_DENIED] * 4), inner])

    chain = outer.with_structured_output(Answer)

    assert chain.invoke("a") == Answer(text="no")
    assert await chain.ainvoke("b") == Answer(text="yes")
    assert list(chain.stream("c"))[-1] == Answer(text="no")
    assert [part async for part in chain.astream("d")][-1] == Answer(text="yes")


async def test_nothing_to_read_gives_nothing() -> None:
    async def nothing() -> AsyncIterator[BaseMessage]:
        for message in ():
            yield message

    parser = ParserOfTheAnswerer([])

    assert list(parser.transform(iter(()))) == []
    assert [part async for part in parser.atransform(nothing())] == []
