from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from langchain_core.caches import BaseCache, InMemoryCache
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import Generation
from langchain_core.tools import tool
from pydantic import BaseModel

from ragkit.errors import ConfigError, ModelUnavailableError
from ragkit.models.wrappers.cached import CachedChatModel
from ragkit.models.wrappers.fallback import FallbackChatModel
from ragkit.models.wrappers.retry import RetryChatModel
from ragkit.models.wrappers.sqlite_cache import SQLiteCache
from ragkit.testing import ScriptedChatModel
from ragkit.testing.script import Line, Pieces

WAYS = ["invoke", "ainvoke", "stream", "astream"]


@pytest.fixture
def cache(tmp_path: Path) -> SQLiteCache:
    return SQLiteCache(tmp_path / "replies.sqlite3")


def _counting(**options: Any) -> ScriptedChatModel:
    lines = iter(range(1000))
    return ScriptedChatModel(lambda _: f"reply {next(lines)} of many", **options)


async def _reply(model: Any, way: str, ask: Any = "Hi", **kwargs: Any) -> Any:
    if way == "invoke":
        return model.invoke(ask, **kwargs)
    if way == "ainvoke":
        return await model.ainvoke(ask, **kwargs)
    if way == "stream":
        chunks = list(model.stream(ask, **kwargs))
    else:
        chunks = [chunk async for chunk in model.astream(ask, **kwargs)]
    return sum(chunks[1:], chunks[0])


@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("then", WAYS)
async def test_whatever_way_a_reply_was_made_it_is_given_again_in_every_way(
    cache: SQLiteCache, first: str, then: str
) -> None:
    inner = _counting()
    model = CachedChatModel(model=inner, cache=cache)

    made, again = await _reply(model, first), await _reply(model, then)

    assert made.content == again.content == "reply 0 of many"
    assert made.response_metadata["ragkit"] == {"cached": False}
    assert again.response_metadata["ragkit"] == {"cached": True}
    assert again.response_metadata["model_name"] == "scripted"
    assert again.response_metadata["finish_reason"] == "stop"
    assert len(inner.calls) == 1


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
async def test_a_kept_reply_cost_nothing(cache: SQLiteCache, way: str) -> None:
    model = CachedChatModel(model=_counting(), cache=cache)

    made, again = await _reply(model, way), await _reply(model, way)

    assert made.usage_metadata == {"input_tokens": 1, "output_tokens": 4, "total_tokens": 5}
    assert again.usage_metadata == {**made.usage_metadata, "total_cost": 0}
    assert made.id != again.id


def test_tool_calls_come_back_whole_also_as_a_stream(cache: SQLiteCache) -> None:
    calls = [{"name": "add", "args": {"a": 1}, "id": "x"}, {"name": "add", "args": {"a": 2}, "id": "y"}]
    model = CachedChatModel(model=ScriptedChatModel([calls]), cache=cache)

    made = model.invoke("Hi")
    chunks = list(model.stream("Hi"))

    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert isinstance(whole, AIMessageChunk)
    assert [call["args"] for call in whole.tool_calls] == [{"a": 1}, {"a": 2}]
    assert whole.tool_calls == made.tool_calls == model.invoke("Hi").tool_calls


def test_an_invalid_tool_call_streams_again_too(cache: SQLiteCache) -> None:
    broken = {"name": "add", "args": "nonsense", "id": "x", "error": None, "type": "invalid_tool_call"}
    reply = AIMessage("", invalid_tool_calls=[broken])
    model = CachedChatModel(model=ScriptedChatModel([reply]), cache=cache)

    model.invoke("Hi")

    (again, *_) = model.stream("Hi")
    assert isinstance(again, AIMessageChunk)
    assert [chunk["args"] for chunk in again.tool_call_chunks] == ["nonsense"]


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class One(BaseModel):
    text: str


@pytest.mark.parametrize(("stated", "given"), [({"temperature": 0.7}, {}), ({}, {"temperature": 0.7})])
async def test_a_reply_drawn_at_random_is_asked_for_each_time(
    cache: SQLiteCache, stated: dict[str, Any], given: dict[str, Any]
) -> None:
    class Warm(ScriptedChatModel):
        @property
        def _identifying_params(self) -> dict[str, Any]:
            return {"temperature": self.temperature}

    lines = iter(range(9))
    model = CachedChatModel(model=Warm(lambda _: f"{next(lines)}", **stated), cache=cache)

    replies = [await _reply(model, way, **given) for way in WAYS]

    assert [reply.content for reply in replies] == ["0", "1", "2", "3"]
    reason = "drawn at random (temperature 0.7, no seed)"
    assert replies[3].response_metadata["ragkit"] == {"cached": False, "not_cached": reason}


@pytest.mark.parametrize("given", [{"temperature": 0.7, "seed": 1}, {"temperature": 0}, {"temperature": None}])
def test_a_seed_or_no_chance_at_all_lets_it_be_kept(cache: SQLiteCache, given: dict[str, Any]) -> None:
    model = CachedChatModel(model=_counting(), cache=cache)

    assert model.invoke("Hi", **given).content == model.invoke("Hi", **given).content


def test_random_replies_are_kept_where_that_is_asked_for(cache: SQLiteCache) -> None:
    model = CachedChatModel(model=_counting(), cache=cache, random_too=True)

    assert model.invoke("Hi", temperature=1).content == model.invoke("Hi", temperature=1).content


def test_an_argument_without_a_text_of_its_own_is_asked_for_each_time(cache: SQLiteCache) -> None:
    model = CachedChatModel(model=FakeListChatModel(responses=["a", "b"]), cache=cache)

    first, second = model.invoke("Hi", hook=print), model.invoke("Hi", hook=print)

    assert (first.content, second.content) == ("a", "b")
    assert second.response_metadata["ragkit"] == {
        "cached": False,
        "not_cached": "a builtin_function_or_method among what decides the reply has no text of its own",
    }


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_a_stream_that_is_left_or_breaks_is_not_kept(cache: SQLiteCache, way: str) -> None:
    inner = ScriptedChatModel(["one two three", Pieces("one", ConnectionError("gone")), "whole"])
    model = CachedChatModel(model=inner, cache=cache)

    if way == "stream":
        next(left := model.stream("Hi"))
        left.close()  # type: ignore[attr-defined]  # a generator
    else:
        await anext(aleft := model.astream("Hi"))
        await aleft.aclose()  # type: ignore[attr-defined]  # a generator
    with pytest.raises(ConnectionError, match="gone"):
        await _reply(model, way)

    assert (await _reply(model, way)).content == "whole"
    assert (await _reply(model, way)).response_metadata["ragkit"] == {"cached": True}


def test_what_other_wrappers_did_the_first_time_is_not_claimed_again(cache: SQLiteCache) -> None:
    model = CachedChatModel(model=RetryChatModel(model=_counting()), cache=cache)

    assert model.invoke("Hi").response_metadata["ragkit"] == {"attempts": 1, "cached": False}
    assert model.invoke("Hi").response_metadata["ragkit"] == {"cached": True}


def test_caching_inside_a_retry_works_too(cache: SQLiteCache) -> None:
    model = RetryChatModel(model=CachedChatModel(model=_counting(), cache=cache))

    model.invoke("Hi")

    assert model.invoke("Hi").response_metadata["ragkit"] == {"cached": True, "attempts": 1}


async def test_structured_output_with_a_parsed_answer_is_read_again_from_the_cache(cache: SQLiteCache) -> None:
    reply = AIMessage('{"text": "yes"}', additional_kwargs={"parsed": One(text="yes")})
    inner = ScriptedChatModel([reply])
    chain = CachedChatModel(model=inner, cache=cache).with_structured_output(One, method="json_schema")

    assert chain.invoke("Hi") == One(text="yes")
    assert await chain.ainvoke("Hi") == One(text="yes")
    assert len(inner.calls) == 1


def test_bound_tools_decide(cache: SQLiteCache) -> None:
    model = CachedChatModel(model=_counting(), cache=cache)

    assert model.bind_tools([add]).invoke("Hi").content != model.invoke("Hi").content
    assert model.bind_tools([add]).invoke("Hi").response_metadata["ragkit"] == {"cached": True}


def _second_answers(*lines: Line) -> FallbackChatModel:
    down = ScriptedChatModel(lambda _: ModelUnavailableError("down"), model_name="first")
    return FallbackChatModel(models=[down, ScriptedChatModel(list(lines), model_name="second")])


def test_tools_bound_inside_a_fallback_decide(cache: SQLiteCache) -> None:
    model = CachedChatModel(model=RetryChatModel(model=_second_answers("plain", "with a tool")), cache=cache)

    assert model.invoke("Hi").content == "plain"
    assert model.bind_tools([add]).invoke("Hi").content == "with a tool"


def test_what_a_fallback_gave_is_not_given_as_its_first_models_reply(cache: SQLiteCache) -> None:
    assert CachedChatModel(model=_second_answers("second hand"), cache=cache).invoke("Hi").content == "second hand"

    alone = CachedChatModel(model=ScriptedChatModel(["first hand"], model_name="first"), cache=cache)
    assert alone.invoke("Hi").content == "first hand"


async def test_a_kept_answer_of_a_fallback_is_read_as_the_model_that_gave_it_would(cache: SQLiteCache) -> None:
    chain = CachedChatModel(model=_second_answers('{"text": "yes"}'), cache=cache).with_structured_output(
        One, method="json_schema"
    )

    assert chain.invoke("Hi") == await chain.ainvoke("Hi") == One(text="yes")
    assert list(chain.stream("Hi")) == [One(text="yes")]


def test_a_fallback_of_which_one_model_draws_at_random_is_asked_each_time(cache: SQLiteCache) -> None:
    class Warm(ScriptedChatModel):
        @property
        def _identifying_params(self) -> dict[str, Any]:
            return {"temperature": 0.5}

    inner = FallbackChatModel(models=[_counting(), Warm(["never asked"])])
    model = CachedChatModel(model=RetryChatModel(model=inner), cache=cache)

    assert model.invoke("Hi").content != model.invoke("Hi").content


class _Foreign(InMemoryCache):
    def lookup(self, prompt: str, llm_string: str) -> Any:
        return [Generation(text="not a chat reply")]


def test_what_another_kind_of_model_kept_is_no_reply() -> None:
    assert CachedChatModel(model=_counting(), cache=_Foreign()).invoke("Hi").content == "reply 0 of many"


def test_the_kept_value_is_not_changed_by_giving_it() -> None:
    memory: BaseCache = InMemoryCache()
    model = CachedChatModel(model=_counting(), cache=memory)
    model.invoke("Hi")

    model.invoke("Hi").content = "changed"

    assert model.invoke("Hi").content == "reply 0 of many"
    assert next(iter(model.stream("Hi"))).content == "reply 0 of many"


def test_a_cache_is_needed() -> None:
    with pytest.raises(ConfigError, match=r"cache must be a BaseCache such as SQLiteCache\(path\), got None"):
        CachedChatModel(model=_counting())
    with pytest.raises(ConfigError, match="got True"):
        CachedChatModel(model=_counting(), cache=True)


def test_a_reply_that_says_nothing_of_its_tokens_is_kept_as_it_is(cache: SQLiteCache) -> None:
    model = CachedChatModel(model=FakeListChatModel(responses=["a", "b"]), cache=cache)

    assert model.invoke("Hi").usage_metadata is model.invoke("Hi").usage_metadata is None


def test_nothing_warns_on_the_way(cache: SQLiteCache) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CachedChatModel(model=_counting(), cache=cache).invoke("Hi")


def test_the_store_may_be_named_as_its_field_is(cache: SQLiteCache) -> None:
    model = CachedChatModel(model=_counting(), replies=cache)

    assert model.invoke("Hi").content == model.invoke("Hi").content
