from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableBinding
from langchain_core.tools import tool

from ragkit.errors import (
    ConfigError,
    ContextLengthError,
    ModelAccessError,
    ModelError,
    ModelRequestError,
    ModelTimeoutError,
    ModelUnavailableError,
    RateLimitError,
)
from ragkit.models.wrappers.fallback import FallbackChatModel
from ragkit.models.wrappers.retry import RetryChatModel
from ragkit.testing import ScriptedChatModel
from ragkit.testing.script import Line, Pieces

WAYS = ["invoke", "ainvoke", "stream", "astream"]


_DOWN = ModelUnavailableError("the server failed", status=503, retry_after_s=9.0)


_LIMITED = RateLimitError("slow down", retry_after_s=4.0)


_DENIED = ModelAccessError("the key is refused")


def _named(name: str, *lines: Line) -> ScriptedChatModel:
    return ScriptedChatModel(list(lines), model_name=name)


async def _reply(model: Any, way: str) -> Any:
    if way == "invoke":
        return model.invoke("Hi")
    if way == "ainvoke":
        return await model.ainvoke("Hi")
    chunks = list(model.stream("Hi")) if way == "stream" else [chunk async for chunk in model.astream("Hi")]
    return sum(chunks[1:], chunks[0])


@pytest.mark.parametrize("way", WAYS)
async def test_the_first_model_that_answers_is_used_and_named(way: str) -> None:
    never = _named("third")
    model = FallbackChatModel(models=[_named("first", _DOWN), _named("second", "Hello there."), never])

    reply = await _reply(model, way)

    assert reply.content == "Hello there."
    assert reply.response_metadata["ragkit"] == {
        "fallback": {
            "place": 2,
            "model": "second",
            "failed": [{"model": "first", "error": "ModelUnavailableError: the server failed"}],
        }
    }
    assert never.calls == ()


@pytest.mark.parametrize("way", WAYS)
async def test_nothing_failed_where_the_first_model_answers(way: str) -> None:
    reply = await _reply(FallbackChatModel(models=[_named("first", "Hi"), _named("second")]), way)

    assert reply.response_metadata["ragkit"] == {"fallback": {"place": 1, "model": "first", "failed": []}}


@pytest.mark.parametrize(
    "error", [_DOWN, _LIMITED, _DENIED, ModelTimeoutError("too slow"), ContextLengthError("too long")]
)
def test_what_another_model_may_not_suffer_from_leads_to_it(error: Exception) -> None:
    assert FallbackChatModel(models=[_named("a", error), _named("b", "Hi")]).invoke("x").content == "Hi"


@pytest.mark.parametrize("error", [ModelRequestError("no such model", status=404), ModelError("odd"), KeyError("bug")])
def test_a_fault_of_the_request_or_the_program_is_raised_at_once(error: Exception) -> None:
    second = _named("b", "Hi")

    with pytest.raises(type(error), match=str(error.args[0])):
        FallbackChatModel(models=[_named("a", error), second]).invoke("x")
    assert second.calls == ()


def test_which_errors_lead_on_can_be_chosen() -> None:
    model = FallbackChatModel(models=[_named("a", KeyError("x")), _named("b", "Hi")], on=(KeyError,))

    assert model.invoke("x").content == "Hi"


@pytest.mark.parametrize("way", WAYS)
async def test_when_none_answers_each_is_named_with_its_error(way: str) -> None:
    model = FallbackChatModel(models=[_named("a", _DOWN), FakeFailing(responses=[])])

    with pytest.raises(
        ModelUnavailableError,
        match=r"none of 2 models answered\. a: ModelUnavailableError: the server failed; "
        "FakeFailing: ModelAccessError: the key is refused",
    ) as caught:
        await _reply(model, way)
    assert caught.value.retry_after_s == 9.0
    assert isinstance(caught.value.__cause__, ModelAccessError)


class FakeFailing(FakeListChatModel):
    def _call(self, *args: Any, **kwargs: Any) -> str:
        raise _DENIED

    def _stream(self, *args: Any, **kwargs: Any) -> Any:
        raise _DENIED

    def _astream(self, *args: Any, **kwargs: Any) -> Any:
        raise _DENIED


def test_the_shortest_wait_asked_for_is_passed_on_if_all_asked() -> None:
    with pytest.raises(ModelUnavailableError, match="none of 2") as both:
        FallbackChatModel(models=[_named("a", _DOWN), _named("b", _LIMITED)]).invoke("x")
    assert both.value.retry_after_s == 4.0
    with pytest.raises(ModelUnavailableError, match="none of 2") as one:
        FallbackChatModel(models=[_named("a", _LIMITED), _named("b", ModelTimeoutError("slow"))]).invoke("x")
    assert one.value.retry_after_s is None


def test_where_nothing_can_pass_the_error_does_not_ask_to_be_tried_again() -> None:
    model = FallbackChatModel(models=[_named("a", _DENIED), _named("b", ContextLengthError("too long"))])

    with pytest.raises(ModelError, match="none of 2 models answered") as caught:
        RetryChatModel(model=model).invoke("x")
    assert type(caught.value) is ModelError


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_a_stream_that_breaks_after_its_first_chunk_is_the_callers(way: str) -> None:
    second = _named("b", "Hi")

    with pytest.raises(ModelUnavailableError, match="the server failed"):
        await _reply(FallbackChatModel(models=[_named("a", Pieces("Hel", _DOWN)), second]), way)
    assert second.calls == ()


def test_at_least_one_model_is_needed() -> None:
    with pytest.raises(ConfigError, match=r"FallbackChatModel models: .* at least 1 item"):
        FallbackChatModel(models=[])


def test_bound_arguments_must_match_the_models() -> None:
    with pytest.raises(ConfigError, match="FallbackChatModel: bound must have one entry for each of the 1 models"):
        FallbackChatModel(models=[_named("a")], bound=[{}, {}])


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Forcing(ScriptedChatModel):
    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(functions=[one.name for one in tools], force=kwargs.get("tool_choice"))


def test_tools_are_bound_to_each_model_in_its_own_way() -> None:
    first, second = _named("first", _DOWN), Forcing([[{"name": "add", "args": {"a": 1, "b": 2}}]])
    model = FallbackChatModel(models=[first, second])

    bound = model.bind_tools([add], tool_choice="any")
    reply = bound.invoke("1 + 2?")

    assert isinstance(bound, RunnableBinding)
    assert reply.tool_calls[0]["args"] == {"a": 1, "b": 2}
    assert [described["function"]["name"] for described in first.calls[0].tools] == ["add"]
    assert dict(first.calls[0].options) == {"tool_choice": "any"}
    assert dict(second.calls[0].options) == {"functions": ["add"], "force": "any"}
    assert model.bound == ()


def test_arguments_of_the_call_go_before_bound_ones() -> None:
    inner = _named("a", "x", "y")
    bound = FallbackChatModel(models=[inner]).bind_tools([add], strict=True)

    bound.invoke("Hi", strict=False)

    assert inner.calls[0].options["strict"] is False


def test_a_model_without_tools_is_named() -> None:
    model = FallbackChatModel(models=[_named("a"), FakeListChatModel(responses=["x"])])

    with pytest.raises(NotImplementedError, match="FakeListChatModel takes no tools and no schema: leave it out"):
        model.bind_tools([add])


def test_who_answered_inside_a_fallback_is_kept_beside_the_outer_note() -> None:
    inner = FallbackChatModel(models=[_named("b", _DOWN), _named("c", "Hi")])

    note = FallbackChatModel(models=[_named("a", _DENIED), inner]).invoke("x").response_metadata["ragkit"]["fallback"]

    assert (note["place"], note["model"]) == (2, "b")
    assert (note["inside"]["place"], note["inside"]["model"]) == (2, "c")


def test_a_reply_of_a_model_that_is_not_an_ai_message_chunk_stays_whole() -> None:
    model = FallbackChatModel(models=[_named("a", AIMessage("Hi", additional_kwargs={"refusal": None}))])

    assert model.invoke("x").additional_kwargs == {"refusal": None}
