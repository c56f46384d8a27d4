"""A server that fails in every way there is, asked in all four ways and through both APIs."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.rate_limiters import BaseRateLimiter

from ragkit.errors import (
    ConfigError,
    ContextLengthError,
    InputError,
    ModelAccessError,
    ModelError,
    ModelRequestError,
    ModelTimeoutError,
    ModelUnavailableError,
    RateLimitError,
)
from ragkit.models import OpenAIChatModel
from ragkit.remote.policy import RetryPolicy
from ragkit.testing.openai_replies import (
    chat_chunk,
    chat_reply,
    error_reply,
    response_events,
    response_reply,
    sse_reply,
    stream_reply,
)
from ragkit.testing.servers import Answer

Ask = Callable[..., Any]
KEY = "sk-test-Ab3dEf6hIj9kLmNoPqRsTuVwXyZ"
WAYS = ["invoke", "ainvoke", "stream", "astream"]
BOTH = [False, True]


async def said(model: OpenAIChatModel, way: str, question: Any = "q", **options: Any) -> str:
    """Ask in one of the four ways; the text of the reply."""
    try:
        if way == "invoke":
            return (await asyncio.to_thread(model.invoke, question, **options)).text
        if way == "ainvoke":
            return (await model.ainvoke(question, **options)).text
        if way == "stream":
            chunks = await asyncio.to_thread(lambda: list(model.stream(question, **options)))
            return "".join(chunk.text for chunk in chunks)
        return "".join([chunk.text async for chunk in model.astream(question, **options)])
    finally:
        await model.root_async_client.close()


def good(way: str, responses: bool) -> Answer:
    if "stream" in way:
        return sse_reply(response_events(["fi", "ne"]), done=False) if responses else stream_reply(["fi", "ne"])
    return response_reply("fine") if responses else chat_reply("fine")


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=BOTH, ids=["chat", "responses"])
def responses(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize(
    ("status", "fields", "kind"),
    [
        (400, {"code": "context_length_exceeded"}, ContextLengthError),
        (400, {"code": "unsupported_value"}, ModelRequestError),
        (401, {"code": "invalid_api_key"}, ModelAccessError),
        (403, {}, ModelAccessError),
        (404, {"code": "model_not_found"}, ModelRequestError),
        (429, {"code": "insufficient_quota"}, RateLimitError),
    ],
)
async def test_what_will_not_pass_is_asked_once_and_told_in_the_servers_words(
    ask: Ask, way: str, responses: bool, status: int, fields: dict[str, str], kind: type[ModelError]
) -> None:
    answer = error_reply(status, f"No, said the server to {KEY}.", headers={"x-request-id": "req_9"}, **fields)
    model, server = ask(answer, good(way, responses), use_responses_api=responses)
    with pytest.raises(kind, match="No, said the server") as caught:
        await said(model, way)
    assert "req_9" in str(caught.value)
    assert len(server.requests) == 1
    assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "answer",
    [
        error_reply(429, "slow down", headers={"retry-after": "0.01"}),
        error_reply(429, "slow down"),
        error_reply(500, "oops"),
        error_reply(503, "busy", headers={"retry-after-ms": "10"}),
        Answer(hang_up=True),
        Answer(pieces=['{"id": "chat'], cut=True),
        Answer(status=502, headers={"content-type": "text/html"}, body="<h1>Bad Gateway</h1>"),
    ],
    ids=["429-after", "429", "500", "503-after", "hang-up", "cut-body", "502-html"],
)
async def test_what_may_pass_is_asked_again(ask: Ask, way: str, responses: bool, answer: Answer) -> None:
    if "stream" in way and answer.cut:
        answer = sse_reply(["{}"][:0], done=False, cut=True)
    model, server = ask(answer, answer, good(way, responses), use_responses_api=responses)
    assert await said(model, way) == "fine"
    assert len(server.requests) == 3


async def test_attempts_end_and_the_last_failure_is_told(ask: Ask, way: str, responses: bool) -> None:
    model, server = ask(lambda _: error_reply(503, "still busy"), use_responses_api=responses, max_retries=2)
    with pytest.raises(ModelUnavailableError, match=r"the server says: still busy \(503, ") as caught:
        await said(model, way)
    assert caught.value.status == 503
    assert len(server.requests) == 3


def test_a_limit_is_waited_for_as_long_as_the_server_asks(ask: Ask) -> None:
    model, _ = ask(error_reply(429, "slow", headers={"retry-after-ms": "300"}), chat_reply("fine"))
    started = time.monotonic()
    assert model.invoke("q").text == "fine"
    assert time.monotonic() - started >= 0.3


def test_a_limit_of_a_day_is_told_and_not_waited_for(ask: Ask) -> None:
    model, server = ask(lambda _: error_reply(429, "tomorrow", headers={"retry-after": "86400"}))
    with pytest.raises(RateLimitError, match="tomorrow") as caught:
        model.invoke("q")
    assert caught.value.retry_after_s == 86_400.0
    assert len(server.requests) == 1


async def test_a_server_that_says_nothing_is_given_up_at_the_timeout(ask: Ask, way: str) -> None:
    model, server = ask(lambda _: Answer(delay_s=60.0), timeout=0.4, max_retries=1)
    with pytest.raises(ModelTimeoutError, match=r"the server was silent for 0.4 s: raise timeout"):
        await said(model, way)
    assert len(server.wait_for(2)) == 2


async def test_a_server_that_drips_its_headers_is_over_at_the_deadline(ask: Ask, way: str) -> None:
    model, server = ask(lambda _: Answer(body="{}", header_pause_s=0.05), deadline_s=0.4)
    started = time.monotonic()
    with pytest.raises(ModelTimeoutError, match=r"the deadline of 0.4 s is over"):
        await said(model, way)
    assert time.monotonic() - started < 10
    assert server.wait_until_left()


async def test_a_server_that_drips_its_body_is_over_at_the_deadline(ask: Ask, responses: bool) -> None:
    for way in ("invoke", "ainvoke"):
        drip = Answer(pieces=[" ", 0.05], endless=True)
        model, server = ask(drip, use_responses_api=responses, deadline_s=0.4)
        with pytest.raises(ModelTimeoutError, match="deadline"):
            await said(model, way)
        assert server.wait_until_left()


async def test_waits_between_attempts_count_towards_the_deadline(ask: Ask, way: str) -> None:
    model, server = ask(
        lambda _: error_reply(503, "busy", headers={"retry-after": "20"}), policy=RetryPolicy(deadline_s=5.0)
    )
    with pytest.raises(
        ModelTimeoutError, match=r"gave up after 1 attempt: the deadline of 5 s .*: the server says: busy"
    ):
        await said(model, way)
    assert len(server.requests) == 1


async def test_a_timeout_can_be_given_with_the_call(ask: Ask, way: str) -> None:
    model, _ = ask(lambda _: Answer(delay_s=60.0), max_retries=0)
    with pytest.raises(ModelTimeoutError, match=r"silent for 0.2 s"):
        await said(model, way, timeout=(10, 0.2))


@pytest.mark.parametrize("timeout", [0, -1, "soon", (1, 2, 3), float("inf")])
def test_a_timeout_that_is_none_is_told(ask: Ask, timeout: Any) -> None:
    model, server = ask(chat_reply("fine"))
    with pytest.raises(ConfigError, match="timeout must be seconds above 0, or a pair of them, got "):
        model.invoke("q", timeout=timeout)
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(body='{"id": "x", '), r"begins '{\"id\": \"x\",'"),
        (Answer(headers={"content-type": "text/html"}, body="<html>Welcome</html>"), "begins '<html>Welcome"),
        (Answer(body=b""), "is empty"),
        (Answer(body=b"\xff\xfe\x00"), "cannot be read"),
        (Answer(body="[]"), "cannot be read"),
        (Answer(body="null"), "cannot be read"),
        (Answer(body="[" * 100_000), "cannot be read"),
        (Answer(body={"id": "x"}), "cannot be read"),
        (Answer(body={"id": "x", "choices": None, "output": None}), "cannot be read"),
    ],
    ids=["invalid", "html", "empty", "bytes", "list", "null", "deep", "no-choices", "null-choices"],
)
async def test_a_reply_that_cannot_be_read_is_a_sentence(
    ask: Ask, way: str, responses: bool, answer: Answer, message: str
) -> None:
    model, server = ask(answer, use_responses_api=responses)
    with pytest.raises(ModelUnavailableError, match=message) as caught:
        await said(model, way)
    assert "base_url" in str(caught.value)
    assert len(server.requests) == 1


async def test_no_choices_are_no_reply(ask: Ask) -> None:
    for way in ("invoke", "ainvoke"):
        model, _ = ask(Answer(body={**chat_reply("x").body, "choices": []}))
        with pytest.raises(ModelUnavailableError, match="its list of choices is empty"):
            await said(model, way)


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("usage", ["many", [1], {"prompt_tokens": [1], "completion_tokens": 1, "total_tokens": 2}])
async def test_usage_of_the_wrong_kind_is_a_sentence(ask: Ask, way: str, usage: Any) -> None:
    streamed = sse_reply([chat_chunk({"content": "fine"}), chat_chunk({}, finish="stop", usage=usage)])
    model, server = ask(streamed if "stream" in way else Answer(body={**chat_reply("fine").body, "usage": usage}))
    with pytest.raises(ModelUnavailableError, match="the reply cannot be read as the API's JSON"):
        await said(model, way)
    assert len(server.requests) == 1


async def test_an_error_in_a_reply_of_200_is_told_as_one(ask: Ask, way: str, responses: bool) -> None:
    answer = Answer(body={"error": {"message": "no credits", "code": "insufficient_quota"}})
    model, server = ask(answer, use_responses_api=responses)
    with pytest.raises(RateLimitError, match=r"the server says: no credits \(insufficient_quota\)") as caught:
        await said(model, way)
    assert caught.value.quota
    assert len(server.requests) == 1


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize(
    ("event", "kind", "message"),
    [
        ({"error": {"message": "overloaded", "code": "server_error"}}, ModelUnavailableError, "overloaded"),
        ({"error": {"message": "too long", "code": "context_length_exceeded"}}, ContextLengthError, "too long"),
        ('{"choices": [', ModelUnavailableError, "cannot be read"),
    ],
)
async def test_an_error_as_first_event_is_told_as_one(
    ask: Ask, way: str, event: Any, kind: type[ModelError], message: str
) -> None:
    model, _ = ask(lambda _: sse_reply([event]))
    with pytest.raises(kind, match=message):
        await said(model, way)


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "code": "server_error", "message": "it's gone", "param": None, "sequence_number": 1},
        {
            "type": "response.failed",
            "sequence_number": 1,
            "response": {
                "id": "r",
                "error": {"code": "server_error", "message": "it's gone"},
                "output": [],
                "status": "failed",
            },
        },
    ],
    ids=["error", "failed"],
)
async def test_a_failed_response_is_told_by_its_message(ask: Ask, way: str, event: Any) -> None:
    model, server = ask(lambda _: sse_reply([event], done=False), use_responses_api=True, max_retries=1)
    with pytest.raises(ModelUnavailableError, match="the server says: it's gone"):
        await said(model, way)
    assert len(server.requests) == 2


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_a_stream_that_breaks_off_after_its_first_words_is_not_asked_again(
    ask: Ask, way: str, responses: bool
) -> None:
    cut = response_events(["fi"], end=None) if responses else [chat_chunk({"role": "assistant", "content": "fi"})]
    model, server = ask(lambda _: sse_reply(cut, done=False, cut=True), use_responses_api=responses)
    with pytest.raises(ModelUnavailableError, match=r"the stream broke off after \d chunk.*, and is not asked again: "):
        await said(model, way)
    assert len(server.requests) == 1


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_a_stream_that_just_ends_is_not_taken_for_whole(ask: Ask, way: str, responses: bool) -> None:
    part = response_events(["fi"], end=None) if responses else [chat_chunk({"role": "assistant", "content": "fi"})]
    model, _ = ask(lambda _: sse_reply(part, done=False, quiet_end=True), use_responses_api=responses)
    with pytest.raises(ModelUnavailableError, match="closed before the stream's last event"):
        await said(model, way)


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_a_stream_that_breaks_off_before_its_first_words_is_asked_again(ask: Ask, way: str) -> None:
    empty = sse_reply([chat_chunk({"role": "assistant", "content": ""})], done=False, cut=True)
    model, server = ask(empty, good(way, False))
    assert await said(model, way) == "fine"
    assert len(server.requests) == 2


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_a_stream_that_falls_silent_is_given_up(ask: Ask, way: str, responses: bool) -> None:
    part = response_events(["fi"], end=None) if responses else [chat_chunk({"role": "assistant", "content": "fi"})]
    pieces = [*(sse_reply(part, done=False).pieces or ()), 60.0]
    answer = Answer(headers={"content-type": "text/event-stream"}, pieces=pieces)
    model, server = ask(answer, use_responses_api=responses, timeout=0.3)
    with pytest.raises(ModelTimeoutError, match=r"not asked again: the server was silent for 0.3 s"):
        await said(model, way)
    assert server.wait_until_left()


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize(
    "pieces",
    [
        [f"data: {chat_chunk({'content': 'x'})}\n\n".replace("'", '"').replace("None", "null"), 0.001],
        [": keep-alive\n\n", 0.001],
        ["data: x" * 100],
    ],
    ids=["chunks", "comments", "one-line"],
)
async def test_an_endless_stream_is_over_at_the_deadline(ask: Ask, way: str, pieces: list[Any]) -> None:
    endless = Answer(headers={"content-type": "text/event-stream"}, pieces=pieces, endless=True)
    model, server = ask(endless, deadline_s=0.5)
    started = time.monotonic()
    with pytest.raises(ModelTimeoutError, match=r"the deadline of 0.5 s is over"):
        await said(model, way)
    assert time.monotonic() - started < 10
    assert server.wait_until_left()


async def test_a_reply_of_too_many_bytes_is_not_read_on(ask: Ask, way: str) -> None:
    endless = Answer(pieces=["x" * 10_000], endless=True)
    model, server = ask(endless, max_reply_bytes=100_000)
    with pytest.raises(ModelUnavailableError, match=r"^the reply is longer than 100000 bytes"):
        await said(model, way)
    assert server.wait_until_left()
    assert len(server.requests) == 1


async def test_a_redirect_is_not_followed(ask: Ask, way: str) -> None:
    model, _ = ask(Answer(status=307, headers={"location": "http://127.0.0.1:9/elsewhere"}), max_retries=0)
    with pytest.raises(ModelRequestError, match="307"):
        await said(model, way)


async def test_a_server_that_is_not_there_is_told_so(socket_enabled: None, way: str) -> None:
    model = OpenAIChatModel(model="m", base_url="http://127.0.0.1:9/v1", max_retries=0)
    with pytest.raises(ModelUnavailableError, match=r"cannot be reached, or broke off: .*onnect"):
        await said(model, way)
    model.close()


async def test_what_cannot_be_asked_is_the_callers_error(ask: Ask, way: str) -> None:
    model, server = ask(good(way, False))
    with pytest.raises(TypeError, match="temprature"):
        await said(model, way, temprature=1)
    assert server.requests == []


async def test_half_a_character_is_the_callers_error_and_not_quoted(ask: Ask, way: str) -> None:
    model, server = ask(good(way, False))
    with pytest.raises(InputError, match=r"a message holds half of a character \(a lone surrogate\)"):
        await said(model, way, "a secret \ud83d")
    assert server.requests == []


class Turnstile(BaseRateLimiter):
    """Lets everyone through, and counts."""

    def __init__(self) -> None:
        self.passed = 0

    def acquire(self, *, blocking: bool = True) -> bool:
        self.passed += 1
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        return self.acquire(blocking=blocking)


async def test_the_rate_limiter_is_asked_before_every_attempt(ask: Ask, way: str) -> None:
    limiter = Turnstile()
    model, server = ask(error_reply(500, "x"), error_reply(500, "x"), good(way, False), rate_limiter=limiter)
    assert await said(model, way) == "fine"
    assert (limiter.passed, len(server.requests)) == (3, 3)


async def test_a_server_that_repeats_the_question_is_not_quoted(ask: Ask, way: str, responses: bool) -> None:
    question = "Is Mr Brown's knee, which he hurt in May, any better by now?"
    answer = error_reply(400, f"Bad input near: '{question}'. Use fewer words.")
    model, _ = ask(answer, use_responses_api=responses)
    with pytest.raises(ModelRequestError, match=r"Bad input near: '\[prompt\]'\. Use fewer words\.") as caught:
        await said(model, way, question)
    assert "knee" not in str(caught.value)


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_an_error_event_in_the_middle_keeps_its_kind_and_says_where(ask: Ask, way: str) -> None:
    first = chat_chunk({"role": "assistant", "content": "fi"})
    model, server = ask(sse_reply([first, {"error": {"message": "slow", "code": "rate_limit_exceeded"}}]))
    with pytest.raises(RateLimitError, match=r"^the stream broke off after 1 chunk, and is not asked again: .*slow"):
        await said(model, way)
    assert len(server.requests) == 1
