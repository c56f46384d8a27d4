from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, CallbackManager, UsageMetadataCallbackHandler
from langchain_core.language_models import BaseChatModel, FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGenerationChunk, LLMResult
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import RunnableBinding
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langchain_tests.unit_tests import ChatModelUnitTests
from pydantic import BaseModel, Field, SecretStr

from ragkit.errors import ConfigError
from ragkit.messages.bound import models_in
from ragkit.models.openai.chat import OpenAIChatModel
from ragkit.models.wrappers.cached import CachedChatModel
from ragkit.models.wrappers.fallback import FallbackChatModel
from ragkit.models.wrappers.limited import RateLimitedChatModel
from ragkit.models.wrappers.limiter import RateLimiter
from ragkit.models.wrappers.meter import Meter
from ragkit.models.wrappers.metered import MeteredChatModel
from ragkit.models.wrappers.retry import RetryChatModel
from ragkit.models.wrappers.sqlite_cache import SQLiteCache
from ragkit.testing import ScriptedChatModel

Wrap = Callable[..., BaseChatModel]

_FREE = RateLimiter(requests_per_minute=1e9, tokens_per_minute=1e9)
WRAPPERS: dict[str, Wrap] = {
    "retry": lambda model, **more: RetryChatModel(model=model, **more),
    "cached": lambda model, **more: CachedChatModel(model=model, cache=InMemoryCache(), **more),
    "fallback": lambda model, **more: FallbackChatModel(models=[model], **more),
    "metered": lambda model, **more: MeteredChatModel(model=model, meter=Meter(), **more),
    "limited": lambda model, **more: RateLimitedChatModel(model=model, limiter=_FREE, **more),
}


@pytest.fixture(params=WRAPPERS)
def wrap(request: pytest.FixtureRequest) -> Wrap:
    return WRAPPERS[request.param]


def _openai(**options: Any) -> OpenAIChatModel:
    return OpenAIChatModel(model="gpt-4o-mini", api_key="not-a-key", **options)


class _Suite(ChatModelUnitTests):
    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": ScriptedChatModel(lambda _: "Good.")}


class TestRetryAsChatModel(_Suite):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return RetryChatModel


class TestMeteredAsChatModel(_Suite):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return MeteredChatModel


class TestCachedAsChatModel(_Suite):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return CachedChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**super().chat_model_params, "cache": InMemoryCache()}


class TestLimitedAsChatModel(_Suite):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return RateLimitedChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**super().chat_model_params, "limiter": _FREE}


class TestFallbackAsChatModel(_Suite):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return FallbackChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"models": [ScriptedChatModel(lambda _: "Good."), ScriptedChatModel(lambda _: "Bad.")]}


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Answer(BaseModel):
    """An answer."""

    text: str


async def test_all_four_ways_give_the_inner_models_reply(wrap: Wrap) -> None:
    lines = iter(range(100))
    model = wrap(ScriptedChatModel(lambda _: f"Good morning {next(lines)}, all."))

    assert model.invoke("a").content == "Good morning 0, all."
    assert (await model.ainvoke("b")).content == "Good morning 1, all."
    assert [chunk.content for chunk in model.stream("c") if chunk.content] == ["Good", " morning", " 2,", " all."]
    assert [chunk.content async for chunk in model.astream("d") if chunk.content] == [
        "Good", " morning", " 3,", " all.",
    ]  # fmt: skip


def test_a_model_that_cannot_stream_gives_its_reply_in_one_chunk(wrap: Wrap) -> None:
    class Whole(ScriptedChatModel):
        disable_streaming: bool = True

    model = wrap(Whole(["Good morning."]))

    assert [chunk.content for chunk in model.stream("Hi")] == ["Good morning."]
    assert not model._should_stream(async_api=True, stream=True)


def test_what_is_the_inner_models_shines_through(wrap: Wrap) -> None:
    inner = _openai(temperature=0.3, max_tokens=7, output_version="v1")
    model = wrap(inner)

    assert model.profile == inner.profile is not None
    assert model._llm_type == "openai-chat"
    assert model._identifying_params == inner._identifying_params
    assert model._get_ls_params(stop=["x"]) == inner._get_ls_params(stop=["x"])
    assert model._get_ls_params(model="other")["ls_model_name"] == "other"
    assert model._get_invocation_params(stop=["x"]) == inner._get_invocation_params(stop=["x"])
    # Of a fallback all models decide, and what is bound to each.
    assert isinstance(model, FallbackChatModel) or model._get_llm_string() == inner._get_llm_string()
    assert model._combine_llm_outputs([None]) == inner._combine_llm_outputs([None])
    assert model.get_num_tokens("one two three") == inner.get_num_tokens("one two three")
    ask = [HumanMessage("one")]
    assert model.get_num_tokens_from_messages(ask) == inner.get_num_tokens_from_messages(ask)
    assert model.output_version == "v1"
    assert getattr(model, "model_name") == "gpt-4o-mini"  # noqa: B009  # not of BaseChatModel


@pytest.mark.parametrize("version", ["v0", "v1"])
async def test_replies_have_the_form_that_the_inner_model_gives_them(wrap: Wrap, version: str) -> None:
    inner = ScriptedChatModel(lambda _: [{"name": "add", "args": {"a": 1}, "id": "c"}], output_version=version)
    model = wrap(inner)

    alone, (first, *more) = inner.invoke("a"), inner.stream("a")
    streamed = sum(more, first)

    assert model.invoke("a").content == (await model.ainvoke("b")).content == alone.content
    (first, *more) = model.stream("c")
    assert sum(more, first).content == streamed.content
    (first, *more) = [chunk async for chunk in model.astream("d")]
    assert sum(more, first).content == streamed.content


def test_a_form_of_replies_can_be_chosen_outside(wrap: Wrap) -> None:
    assert wrap(ScriptedChatModel([], output_version="v1"), output_version="v0").output_version == "v0"


def test_token_ids_are_the_inner_models(wrap: Wrap) -> None:
    inner = ScriptedChatModel([])

    assert wrap(inner).get_token_ids("two words") == inner.get_token_ids("two words")


def test_an_inner_model_without_a_name_gives_none() -> None:
    assert RetryChatModel(model=FakeListChatModel(responses=[])).model_name is None


def test_an_unknown_option_is_refused_by_name_without_its_value(wrap: Wrap) -> None:
    with pytest.raises(ConfigError, match=r"ChatModel: there is no option 'polcy'; its own are [a-z_, ]+\.$") as caught:
        wrap(ScriptedChatModel([]), polcy="sk-not-for-anyone")
    assert "sk-not" not in str(caught.value)


def test_what_is_no_chat_model_cannot_be_wrapped() -> None:
    with pytest.raises(ConfigError, match=r"RetryChatModel model: Input should be .*instance of BaseChatModel\."):
        RetryChatModel(model=ScriptedChatModel([]).bind(stop=["x"]))


def test_standard_parameters_are_the_inner_models_affair() -> None:
    model = RetryChatModel(model=ScriptedChatModel(["Hi"], temperature=0.5), temperature=0.9)

    assert model._get_ls_params()["ls_temperature"] == 0.5


class _Handler(BaseCallbackHandler):
    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.seen.append("start")

    def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
        self.seen.append("token")

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        self.seen.append("end")

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        self.seen.append("error")


def test_one_call_is_one_run_for_every_handler(wrap: Wrap) -> None:
    at_call, inside, outside = _Handler(), _Handler(), _Handler()
    inner = ScriptedChatModel(lambda _: "Hi there", callbacks=[inside], tags=["in"], metadata={"in": 1})
    model = wrap(inner, callbacks=[outside], tags=["out"], metadata={"out": 2})

    model.invoke("Hello", config={"callbacks": [at_call]})

    assert at_call.seen == inside.seen == outside.seen == ["start", "end"]
    assert model.tags == ["out", "in"]
    assert model.metadata is not None
    assert {"in": 1, "out": 2}.items() <= model.metadata.items()
    list(model.stream("Hello you", config={"callbacks": [at_call]}))
    assert at_call.seen[2:] == inside.seen[2:] == ["start", "token", "token", "token", "end"]
    assert inner.callbacks == [inside]
    assert inner.tags == ["in"]


def test_handlers_given_in_a_manager_are_kept_and_joined() -> None:
    one, two = _Handler(), _Handler()
    manager = CallbackManager([one])

    model = RetryChatModel(model=ScriptedChatModel(["Hi"], callbacks=[two]), callbacks=manager)
    model.invoke("Hello")

    assert one.seen == two.seen == ["start", "end"]
    assert manager.handlers == [one]


async def test_usage_is_counted_once_through_three_wrappers(tmp_path: Path) -> None:
    counted = UsageMetadataCallbackHandler()
    inner = ScriptedChatModel(lambda _: "three words here")
    model = MeteredChatModel(
        model=CachedChatModel(model=RetryChatModel(model=inner), cache=SQLiteCache(tmp_path / "c")), meter=Meter()
    )

    await model.ainvoke("two words", config={"callbacks": [counted]})

    assert counted.usage_metadata["scripted"] == {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5} | {
        key: {} for key in ("input_token_details", "output_token_details") if key in counted.usage_metadata["scripted"]
    }


class _Turnstile(BaseRateLimiter):
    def __init__(self) -> None:
        self.passed = 0

    def acquire(self, *, blocking: bool = True) -> bool:
        self.passed += 1
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        return self.acquire()


async def test_the_inner_models_limiter_is_asked_once_for_each_call(wrap: Wrap) -> None:
    turnstile = _Turnstile()
    model = wrap(ScriptedChatModel(lambda _: "Hi", rate_limiter=turnstile))

    model.invoke("a")
    await model.ainvoke("b")
    list(model.stream("c"))
    [chunk async for chunk in model.astream("d")]

    assert turnstile.passed == 4


async def test_the_inner_models_cache_is_used_once(wrap: Wrap) -> None:
    inner = ScriptedChatModel(["first", "second"], cache=InMemoryCache())
    model = wrap(inner)

    replies = [model.invoke("a").content, model.invoke("a").content, (await model.ainvoke("a")).content]

    assert replies == ["first"] * 3
    assert len(inner.calls) == 1


def test_bound_tools_reach_the_inner_model(wrap: Wrap) -> None:
    inner = ScriptedChatModel([[{"name": "add", "args": {"a": 1, "b": 2}}]])

    reply = wrap(inner).bind_tools([add], tool_choice="add").invoke("1 + 2?")

    assert reply.tool_calls[0]["args"] == {"a": 1, "b": 2}
    (call,) = inner.calls
    assert [described["function"]["name"] for described in call.tools] == ["add"]
    assert call.options["tool_choice"] == "add"


@pytest.mark.parametrize("name", ["retry", "cached", "metered", "limited"])
def test_bound_tools_have_the_wrapper_in_the_models_place(name: str) -> None:
    inner = _openai()
    model = WRAPPERS[name](inner)

    bound, inners = model.bind_tools([add], strict=True), inner.bind_tools([add], strict=True)

    assert isinstance(bound, RunnableBinding)
    assert isinstance(inners, RunnableBinding)
    assert bound.bound is model
    assert inners.bound is inner
    assert bound.kwargs == inners.kwargs


@pytest.mark.parametrize("include_raw", [False, True])
@pytest.mark.parametrize(
    ("method", "line"),
    [("function_calling", [{"name": "Answer", "args": {"text": "yes"}}]), ("json_schema", '{"text": "yes"}')],
)
def test_structured_output_goes_through_the_wrapper(wrap: Wrap, method: str, line: Any, *, include_raw: bool) -> None:
    chain = wrap(ScriptedChatModel(lambda _: line)).with_structured_output(
        Answer, method=method, include_raw=include_raw
    )

    answer = chain.invoke("Is it?")

    parsed = answer["parsed"] if include_raw else answer
    assert parsed == Answer(text="yes")
    if include_raw:
        assert isinstance(answer["raw"], AIMessage)
        assert answer["parsing_error"] is None


async def test_structured_output_streams_and_awaits_through_the_wrapper(wrap: Wrap) -> None:
    schema = {"title": "answer", "type": "object", "properties": {"text": {"type": "string"}}}
    chain = wrap(ScriptedChatModel(lambda _: '{"text": "yes"}')).with_structured_output(schema, method="json_schema")

    assert await chain.ainvoke("Is it?") == {"text": "yes"}
    assert list(chain.stream("Is it?"))[-1] == {"text": "yes"}
    assert [part async for part in chain.astream("Is it?")][-1] == {"text": "yes"}


def _chat_openai() -> BaseChatModel:
    return ChatOpenAI(model="gpt-4o-mini", api_key=SecretStr("not-a-key"))


@pytest.mark.parametrize("inner", [_openai, _chat_openai])
@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
@pytest.mark.parametrize("include_raw", [False, True])
def test_structured_output_of_openai_models_is_rebuilt_with_the_wrapper(
    wrap: Wrap, inner: Callable[[], BaseChatModel], method: str, *, include_raw: bool
) -> None:
    model, options = wrap(one := inner()), {"method": method, "include_raw": include_raw}

    ((around, passed),) = models_in(model.with_structured_output(Answer, **options))

    ((found, expected),) = models_in(one.with_structured_output(Answer, **options))
    assert found is one
    if isinstance(around, FallbackChatModel):
        traced = {"ls_structured_output_format", "structured_output_format"}
        passed, expected = around.bound[0], {k: v for k, v in expected.items() if k not in traced}
        assert list(around.models) == [one]
    else:
        assert around is model
    assert passed.keys() == expected.keys()
    assert {k: v for k, v in passed.items() if k != "response_format"} == {
        k: v for k, v in expected.items() if k != "response_format"
    }


@tool
def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


@pytest.mark.parametrize("name", WRAPPERS)
def test_an_agent_works_with_a_wrapped_model(name: str) -> None:
    lines = iter([[{"name": "multiply", "args": {"a": 6, "b": 7}, "id": "c1"}], "It is 42."])
    agent: Any = create_agent(WRAPPERS[name](ScriptedChatModel(lambda _: next(lines))), tools=[multiply])

    said = agent.invoke({"messages": [HumanMessage("6 times 7?")]})["messages"]

    assert [message.content for message in said[-2:]] == ["42", "It is 42."]


class _Watched(ScriptedChatModel):
    closed: list[str] = Field(default_factory=list)

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        try:
            yield from super()._stream(*args, **kwargs)
        finally:
            self.closed.append("sync")

    async def _astream(self, *args: Any, **kwargs: Any) -> Any:
        try:
            async for chunk in super()._astream(*args, **kwargs):
                yield chunk
        finally:
            self.closed.append("async")


async def test_leaving_a_stream_closes_the_inner_one_at_once(wrap: Wrap) -> None:
    inner = _Watched(lambda _: "one two three four")
    model = wrap(inner)

    stream = model._stream([HumanMessage("a")])
    next(iter(stream))
    stream.close()  # type: ignore[attr-defined]  # a generator
    assert inner.closed == ["sync"]

    astream = model._astream([HumanMessage("b")])
    await anext(aiter(astream))
    await astream.aclose()  # type: ignore[attr-defined]  # a generator
    assert inner.closed == ["sync", "async"]


async def test_a_cancelled_stream_closes_the_inner_one(wrap: Wrap) -> None:
    inner, reading = _Watched(lambda _: "one two three four"), asyncio.Event()

    async def read() -> None:
        async for _ in wrap(inner)._astream([HumanMessage("a")]):
            reading.set()
            await asyncio.sleep(3600)

    task = asyncio.create_task(read())
    await asyncio.wait_for(reading.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with asyncio.timeout(60):
        while not inner.closed:
            await asyncio.sleep(0.01)
    assert inner.closed == ["async"]


def test_streaming_underneath_invoke_can_be_asked_for() -> None:
    inner = ScriptedChatModel(lambda _: "one two")

    RetryChatModel(model=inner, streaming=True).invoke("a")
    RetryChatModel(model=inner, streaming=True, disable_streaming=True).invoke("b")
    RetryChatModel(model=inner).invoke("c")

    assert [call.streamed for call in inner.calls] == [True, False, False]


async def test_events_of_a_stream_come_through(wrap: Wrap) -> None:
    model = wrap(ScriptedChatModel(lambda _: "one two"))

    events = [event["event"] async for event in model.astream_events("a", version="v2")]

    assert events.count("on_chat_model_start") == 1
    assert events.count("on_chat_model_end") == 1
    assert events.count("on_chat_model_stream") >= 2


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_the_new_events_of_a_stream_come_through(wrap: Wrap) -> None:
    stream = wrap(ScriptedChatModel(lambda _: "one two")).stream_events("a", version="v3")

    assert "".join(stream.text) == "one two"


@pytest.mark.parametrize("outer", WRAPPERS)
@pytest.mark.parametrize("inner", WRAPPERS)
async def test_wrappers_nest_in_any_order(outer: str, inner: str) -> None:
    scripted = ScriptedChatModel(lambda _: [{"name": "Answer", "args": {"text": "yes"}}])
    model = WRAPPERS[outer](WRAPPERS[inner](scripted))

    assert model.with_structured_output(Answer).invoke("a") == Answer(text="yes")
    assert (await model.with_structured_output(Answer, include_raw=True).ainvoke("b"))["parsed"] == Answer(text="yes")
    assert model.bind_tools([add]).invoke("c").tool_calls[0]["name"] == "Answer"
    chunks = list(model.stream("d"))
    assert sum(chunks[1:], chunks[0]).tool_calls[0]["args"] == {"text": "yes"}
    assert "ragkit" in model.invoke("e").response_metadata or {outer, inner} <= {"metered", "limited"}
