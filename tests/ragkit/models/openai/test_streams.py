"""Streams: usage once, refusals, calls in pieces, leaving early, and what a chunk may be."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.messages.ai import add_ai_message_chunks

from ragkit.errors import ConfigError, ModelRequestError, ModelUnavailableError
from ragkit.models import OpenAIChatModel
from ragkit.testing.openai_replies import chat_chunk, error_reply, response_events, sse_reply, stream_reply
from ragkit.testing.servers import Answer, Asked

Ask = Callable[..., Any]
REFUSED = error_reply(400, "Unrecognized request argument supplied: stream_options")


@pytest.fixture(params=["stream", "astream"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def pieces(model: OpenAIChatModel, way: str, **options: Any) -> list[AIMessageChunk]:
    if way == "stream":
        return list(model.stream("What is it?", **options))
    try:
        return [chunk async for chunk in model.astream("What is it?", **options)]
    finally:
        await model.root_async_client.close()


async def whole(model: OpenAIChatModel, way: str, **options: Any) -> AIMessageChunk:
    first, *others = await pieces(model, way, **options)
    return add_ai_message_chunks(first, *others)


def tokens(message: AIMessageChunk) -> tuple[int, int, int]:
    usage = message.usage_metadata
    assert usage is not None
    return usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]


async def test_usage_is_asked_for_on_any_address_and_told_by_the_server(ask: Ask, way: str) -> None:
    model, server = ask(stream_reply(["fi", "ne"], usage=(30, 2)))
    message = await whole(model, way)
    assert server.requests[0].json["stream_options"] == {"include_usage": True}
    assert tokens(message) == (30, 2, 32)
    assert "estimated" not in message.response_metadata


async def test_usage_that_the_server_leaves_out_is_counted_here_and_marked(ask: Ask, way: str) -> None:
    model, _ = ask(stream_reply(["fi", "ne"]))
    message = await whole(model, way)
    asked, answered, both = tokens(message)
    assert (asked > 0, answered > 0, both) == (True, True, asked + answered)
    assert answered == model.get_num_tokens("fine")
    assert message.response_metadata["estimated"] is True


async def test_usage_of_a_response_is_told_or_counted(ask: Ask, way: str) -> None:
    model, _ = ask(sse_reply(response_events(["fi", "ne"], usage=(30, 2)), done=False), use_responses_api=True)
    message = await whole(model, way)
    assert tokens(message) == (30, 2, 32)
    assert "estimated" not in message.response_metadata
    model, _ = ask(sse_reply(response_events(["fi", "ne"], usage=None), done=False), use_responses_api=True)
    message = await whole(model, way)
    assert tokens(message)[1] == model.get_num_tokens("fine")
    assert message.response_metadata["estimated"] is True


async def test_a_server_that_refuses_to_tell_usage_is_asked_again_without_and_remembered(ask: Ask, way: str) -> None:
    model, server = ask(REFUSED, *[stream_reply(["fine"])] * 2, max_retries=0)
    for _ in range(2):
        chunks = list(model.stream("q"))
        assert "".join(chunk.text for chunk in chunks) == "fine"
    assert ["stream_options" in asked.json for asked in server.requests] == [True, False, False]
    other, server = ask(REFUSED, stream_reply(["fine"]), max_retries=0)
    assert (await whole(other, way)).response_metadata["estimated"] is True


def test_callers_who_are_refused_at_the_same_time_are_all_asked_again(ask: Ask) -> None:
    barrier = threading.Barrier(4)

    def answer(asked: Asked) -> Answer:
        if "stream_options" in asked.json:
            return replace(REFUSED, delay_s=0.05)
        return stream_reply(["fine"])

    model, _ = ask(answer, max_retries=0)

    def one(_: int) -> str:
        barrier.wait(10)
        return "".join(chunk.text for chunk in model.stream("q"))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(4))) == ["fine"] * 4


async def test_a_server_that_refuses_something_else_is_not_asked_again(ask: Ask, way: str) -> None:
    model, server = ask(error_reply(400, "temperature is wrong"))
    with pytest.raises(ModelRequestError, match="temperature is wrong"):
        await whole(model, way)
    assert len(server.requests) == 1


async def test_who_wants_no_usage_is_told_none(ask: Ask, way: str) -> None:
    model, server = ask(*[stream_reply(["fine"])] * 2)
    assert (await whole(model, way, stream_usage=False)).usage_metadata is None
    quiet, server = ask(stream_reply(["fine"]), stream_usage=False)
    assert (await whole(quiet, way)).usage_metadata is None
    assert "stream_options" not in server.requests[0].json


async def test_usage_that_grows_from_chunk_to_chunk_is_not_added_up(ask: Ask, way: str) -> None:
    chunks = [
        chat_chunk({"content": text}, usage={"prompt_tokens": 9, "completion_tokens": n, "total_tokens": 9 + n})
        for n, text in enumerate(["a", "b", "c"], 1)
    ]
    model, _ = ask(sse_reply([*chunks, chat_chunk({}, finish="stop")]))
    message = await whole(model, way)
    assert tokens(message) == (9, 3, 12)
    assert "estimated" not in message.response_metadata


@pytest.mark.parametrize("told", [(0, 0), (0, 3), (7, 0)])
async def test_a_count_of_nothing_where_there_was_something_is_not_believed(
    ask: Ask, way: str, told: tuple[int, int]
) -> None:
    model, _ = ask(stream_reply(["fine words"], usage=told))
    message = await whole(model, way)
    asked, answered, _ = tokens(message)
    assert asked == (told[0] or model.get_num_tokens_from_messages([HumanMessage("What is it?")]))
    assert answered == (told[1] or model.get_num_tokens("fine words"))
    assert message.response_metadata["estimated"] is True


async def test_what_is_told_twice_is_kept_once(ask: Ask, way: str) -> None:
    model, _ = ask(sse_reply([chat_chunk({"content": "fine"}, finish="stop"), chat_chunk({}, finish="stop")]))
    message = await whole(model, way)
    assert message.response_metadata["finish_reason"] == "stop"
    assert message.response_metadata["model_name"] == "scripted"


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter"])
async def test_why_it_ended_is_told(ask: Ask, way: str, reason: str) -> None:
    model, _ = ask(stream_reply(["fi"], finish=reason))
    assert (await whole(model, way)).response_metadata["finish_reason"] == reason


@pytest.mark.parametrize(
    ("end", "fields", "reason"),
    [
        ("response.completed", {}, "stop"),
        (
            "response.incomplete",
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            "length",
        ),
        (
            "response.incomplete",
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            "content_filter",
        ),
    ],
)
async def test_a_response_tells_why_it_ended_in_the_same_words(
    ask: Ask, way: str, end: str, fields: dict[str, Any], reason: str
) -> None:
    model, _ = ask(sse_reply(response_events(["fi"], end=end, **fields), done=False), use_responses_api=True)
    message = await whole(model, way)
    assert message.response_metadata["finish_reason"] == reason
    assert message.text == "fi"


async def test_several_choices_are_refused_for_a_stream_would_mix_them(ask: Ask, way: str) -> None:
    for options, call in (({"n": 2}, {}), ({}, {"n": 2})):
        model, server = ask(stream_reply(["fine"]), **options)
        with pytest.raises(ConfigError, match="n must be 1 while streaming, got 2"):
            await pieces(model, way, **call)
        assert server.requests == []
    model, _ = ask(stream_reply(["fine"]), n=2)
    assert (await whole(model, way, n=1)).text == "fine"


async def test_a_refusal_is_seen_piece_by_piece(ask: Ask, way: str) -> None:
    chunks = [chat_chunk({"role": "assistant", "refusal": "I "}), chat_chunk({"refusal": "can't."})]
    model, _ = ask(sse_reply([*chunks, chat_chunk({}, finish="stop")]))
    message = await whole(model, way)
    assert (message.text, message.additional_kwargs["refusal"]) == ("", "I can't.")
    assert tokens(message)[1] == model.get_num_tokens("I can't.")


def call_delta(index: int | None, *, name: str | None = None, arguments: str = "", call_id: str | None = None) -> Any:
    call: dict[str, Any] = {"function": {"name": name, "arguments": arguments}, "id": call_id, "type": "function"}
    return chat_chunk({"tool_calls": [call if index is None else {"index": index, **call}]})


async def test_parallel_calls_in_pieces_are_put_together(ask: Ask, way: str) -> None:
    deltas = [
        call_delta(0, name="weather", call_id="c0"),
        call_delta(0, arguments='{"city": "Br'),
        call_delta(1, name="weather", call_id="c1"),
        call_delta(0, arguments='no"}'),
        call_delta(1, arguments='{"city": "Ulm"}'),
    ]
    model, _ = ask(sse_reply([*deltas, chat_chunk({}, finish="tool_calls")]))
    message = await whole(model, way)
    assert [(call["name"], call["args"], call["id"]) for call in message.tool_calls] == [
        ("weather", {"city": "Brno"}, "c0"),
        ("weather", {"city": "Ulm"}, "c1"),
    ]
    assert message.response_metadata["finish_reason"] == "tool_calls"
    assert tokens(message)[1] > model.get_num_tokens("Brno")


async def test_calls_without_an_index_are_not_lost(ask: Ask, way: str) -> None:
    whole_calls = [
        call_delta(None, name="weather", arguments='{"city": "Brno"}', call_id="c0"),
        call_delta(None, name="time", arguments="{}", call_id="c1"),
    ]
    model, _ = ask(sse_reply([*whole_calls, chat_chunk({}, finish="tool_calls")]))
    message = await whole(model, way)
    assert [(call["name"], call["args"]) for call in message.tool_calls] == [
        ("weather", {"city": "Brno"}),
        ("time", {}),
    ]


async def test_arguments_that_are_no_json_are_invalid_calls(ask: Ask, way: str) -> None:
    deltas = [call_delta(0, name="weather", call_id="c0", arguments="{city: Brno")]
    model, _ = ask(sse_reply([*deltas, chat_chunk({}, finish="tool_calls")]))
    message = await whole(model, way)
    assert [call["name"] for call in message.invalid_tool_calls or message.tool_calls] == ["weather"]
    assert tokens(message)[1] > 0


async def test_calls_of_a_response_are_put_together(ask: Ask, way: str) -> None:
    item = {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "c0",
        "name": "weather",
        "arguments": "",
        "status": "in_progress",
    }
    made = {**item, "arguments": '{"city": "Brno"}', "status": "completed"}
    place = {"item_id": "fc_1", "output_index": 0}
    events = [
        *response_events([], end=None)[:1],
        {"type": "response.output_item.added", "output_index": 0, "item": item, "sequence_number": 1},
        {"type": "response.function_call_arguments.delta", "delta": '{"city": ', "sequence_number": 2, **place},
        {"type": "response.function_call_arguments.delta", "delta": '"Brno"}', "sequence_number": 3, **place},
        response_events([], output=[made])[-1],
    ]
    model, _ = ask(sse_reply(events, done=False), use_responses_api=True)
    message = await whole(model, way)
    assert [(call["name"], call["args"], call["id"]) for call in message.tool_calls] == [
        ("weather", {"city": "Brno"}, "c0")
    ]
    assert message.response_metadata["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("responses", [False, True])
async def test_a_consumer_that_leaves_closes_the_connection_at_once(ask: Ask, way: str, responses: bool) -> None:
    if responses:
        begin = response_events(["one", "two"], end=None)
    else:
        begin = [chat_chunk({"role": "assistant", "content": text}) for text in ("one", "two")]
    pieces = [*(sse_reply(begin, done=False).pieces or ()), 60.0]
    answer = Answer(headers={"content-type": "text/event-stream"}, pieces=pieces)
    model, server = ask(answer, use_responses_api=responses)
    if way == "stream":
        for chunk in model.stream("q"):
            if chunk.text:
                break
        gc.collect()
        assert server.wait_until_left(timeout_s=5)
        return
    stream = model.astream("q")
    async for chunk in stream:
        if chunk.text:
            break
    await stream.aclose()  # type: ignore[attr-defined]  # LangChain's is an async generator
    assert await asyncio.to_thread(server.wait_until_left, timeout_s=5)
    await model.root_async_client.close()


async def test_connections_are_used_again(ask: Ask) -> None:
    model, server = ask(*[stream_reply(["fine"])] * 3)
    for _ in range(3):
        assert "".join([chunk.text async for chunk in model.astream("q")]) == "fine"
    await model.root_async_client.close()
    assert server.connections == 1


async def test_other_output_versions_stream_too(ask: Ask, way: str) -> None:
    model, _ = ask(stream_reply(["fi", "ne"]), output_version="v1")
    message = await whole(model, way)
    assert message.text == "fine"
    assert message.content_blocks[0]["type"] == "text"
    assert tokens(message)[1] > 0


async def test_a_task_that_is_cancelled_closes_its_connection(ask: Ask) -> None:
    answer = Answer(headers={"content-type": "text/event-stream"}, pieces=[": wait\n\n", 60.0])
    model, server = ask(answer)
    task = asyncio.create_task(anext(aiter(model.astream("q"))))
    assert await asyncio.to_thread(server.wait_for)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(server.wait_until_left, timeout_s=5)
    await model.root_async_client.close()


def test_a_hundred_streams_left_midway_leave_no_thread_and_no_connection(ask: Ask) -> None:
    begin = sse_reply([chat_chunk({"role": "assistant", "content": "one"})], done=False).pieces or ()
    model, server = ask(lambda _: Answer(headers={"content-type": "text/event-stream"}, pieces=[*begin, 60.0]))
    before = {thread for thread in threading.enumerate() if "process_request" not in thread.name}
    for _ in range(100):
        assert next(chunk.text for chunk in model.stream("q") if chunk.text) == "one"
    gc.collect()
    assert server.wait_until_left(100)
    assert {thread for thread in threading.enumerate() if "process_request" not in thread.name} == before
    assert model.root_client._client._transport._inner._pool.connections == []


async def test_callbacks_see_every_piece_of_a_call_that_streams(ask: Ask) -> None:
    class Notes(AsyncCallbackHandler):
        pieces: list[str] = []  # noqa: RUF012  # of one test

        async def on_llm_new_token(self, token: Any, **_: Any) -> None:
            self.pieces.append(str(token))

    notes = Notes()
    model, _ = ask(*[stream_reply(["fi", "ne"])] * 2, streaming=True)
    message = await model.ainvoke("q", config={"callbacks": [notes]})
    assert "".join(notes.pieces) == message.text == "fine"
    assert message.response_metadata["estimated"] is True
    manager = CallbackManagerForLLMRun.get_noop_manager()
    direct = list(model._stream([HumanMessage("q")], run_manager=manager))
    assert "".join(chunk.text for chunk in direct) == "fine"
    await model.root_async_client.close()


async def test_a_reply_of_no_words_is_whole(ask: Ask, way: str) -> None:
    model, server = ask(stream_reply([], usage=(5, 0)))
    message = await whole(model, way)
    assert (message.text, message.response_metadata["finish_reason"]) == ("", "stop")
    assert tokens(message) == (5, 0, 5)
    assert len(server.requests) == 1


async def test_a_stream_of_nothing_is_no_reply(ask: Ask, way: str) -> None:
    model, _ = ask(lambda _: sse_reply([]))
    with pytest.raises(ModelUnavailableError, match="the stream ended before it gave anything"):
        await whole(model, way)


async def test_a_refusal_of_a_response_is_seen(ask: Ask, way: str) -> None:
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    begin = response_events([], end=None)
    part = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
    output = [{**part, "content": [{"type": "refusal", "refusal": "I can't."}]}]
    events = [
        *begin,
        {"type": "response.refusal.delta", "delta": "I can't.", "sequence_number": 2, **place},
        {"type": "response.refusal.done", "refusal": "I can't.", "sequence_number": 3, **place},
        response_events([], output=output)[-1],
    ]
    model, _ = ask(sse_reply(events, done=False), use_responses_api=True)
    assert (await whole(model, way)).additional_kwargs["refusal"] == "I can't."


async def test_a_server_that_answers_as_somebody_else_is_still_read(ask: Ask, way: str) -> None:
    model, _ = ask(sse_reply([chat_chunk({"role": "user", "content": "fine"}), chat_chunk({}, finish="stop")]))
    assert "".join(chunk.text for chunk in await pieces(model, way)) == "fine"


async def test_a_run_manager_that_is_handed_in_hears_every_piece(ask: Ask) -> None:
    model, _ = ask(stream_reply(["fi", "ne"]))
    manager = AsyncCallbackManagerForLLMRun.get_noop_manager()
    chunks = [chunk.text async for chunk in model._astream([HumanMessage("q")], run_manager=manager)]
    assert "".join(chunks) == "fine"
    await model.root_async_client.close()
