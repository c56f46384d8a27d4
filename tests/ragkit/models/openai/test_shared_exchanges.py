"""Every exchange with OpenAI that other projects recorded, served again over HTTP: nothing of it is lost or changed.

What the model makes of a response is compared with what a small reader of the raw JSON or events, written here and
knowing nothing of LangChain, finds in it.
"""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages.utils import convert_to_messages

from ragkit.errors import ModelAccessError, ModelError, ModelRequestError
from ragkit.models import OpenAIChatModel
from ragkit.testing.servers import Answer, Asked, LoopbackServer

pytestmark = pytest.mark.usefixtures("socket_enabled")

KEY = "sk-proj-never0recorded1anywhere2"
ASKED = [HumanMessage("Say it again.")]

SEVERAL_AT_ONCE = "a stream of several choices, which LangChain's stream of one message cannot hold apart"
AUDIO = "sound in place of text"
OTHER = "another part of the API"


@dataclass(frozen=True, slots=True)
class Said:
    """What one reply comes to, in plain values."""

    text: str
    refusal: str | None
    calls: tuple[tuple[str, str, Any], ...]
    """Id, name and arguments of each tool call."""
    finish: str | None
    usage: Mapping[str, int] | None
    """Tokens; None where the server did not tell."""


# What the server said, read from the wire.


def told(exchange: Any) -> list[Said]:
    """Read a response: one reply for each choice."""
    if exchange.kind == "responses":
        return [_response(_last_response(exchange) if _streamed(exchange) else json.loads(exchange.body))]
    body = _joined(exchange) if _streamed(exchange) else json.loads(exchange.body)
    return [_choice(choice, body.get("usage")) for choice in body["choices"]]


def _streamed(exchange: Any) -> bool:
    return exchange.body.lstrip().startswith((b"data:", b"event:"))


def _events(exchange: Any) -> Iterator[Mapping[str, Any]]:
    for line in exchange.body.decode().splitlines():
        if line.startswith("data:") and line != "data: [DONE]":
            yield json.loads(line.removeprefix("data:"))


def _last_response(exchange: Any) -> Mapping[str, Any]:
    last: Mapping[str, Any] = list(_events(exchange))[-1]["response"]
    return last


def _joined(exchange: Any) -> Mapping[str, Any]:
    """Put the pieces of a streamed chat completion of one choice together."""
    message: dict[str, Any] = {"content": "", "refusal": None, "tool_calls": {}}
    finish, usage = None, None
    for event in _events(exchange):
        usage = event.get("usage") or usage
        for choice in event["choices"]:
            delta = choice["delta"]
            message["content"] += delta.get("content") or ""
            finish = choice.get("finish_reason") or finish
            if delta.get("refusal"):
                message["refusal"] = (message["refusal"] or "") + delta["refusal"]
            for piece in delta.get("tool_calls") or []:
                call = message["tool_calls"].setdefault(piece["index"], {"id": "", "name": "", "arguments": ""})
                call["id"] = piece.get("id") or call["id"]
                call["name"] += piece["function"].get("name") or ""
                call["arguments"] += piece["function"].get("arguments") or ""
    calls = [{"id": call["id"], "function": call} for call in message["tool_calls"].values()]
    return {"choices": [{"message": {**message, "tool_calls": calls}, "finish_reason": finish}], "usage": usage}


def _choice(choice: Mapping[str, Any], usage: Mapping[str, Any] | None) -> Said:
    message = choice["message"]
    calls = [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"] or "{}"))
        for call in message.get("tool_calls") or []
    ]
    if legacy := message.get("function_call"):
        calls.append(("", legacy["name"], json.loads(legacy["arguments"])))
    return Said(
        text=message.get("content") or "",
        refusal=message.get("refusal"),
        calls=tuple(calls),
        finish=choice["finish_reason"],
        usage=_usage(usage, "prompt_tokens", "completion_tokens"),
    )


def _response(response: Mapping[str, Any]) -> Said:
    parts = [part for item in response["output"] if item["type"] == "message" for part in item["content"]]
    calls = tuple(
        (item["call_id"], item["name"], json.loads(item["arguments"]))
        for item in response["output"]
        if item["type"] == "function_call"
    )
    return Said(
        text="".join(part["text"] for part in parts if part["type"] == "output_text"),
        refusal="".join(part["refusal"] for part in parts if part["type"] == "refusal") or None,
        calls=calls,
        finish="tool_calls" if calls else {"completed": "stop"}[response["status"]],
        usage=_usage(response["usage"], "input_tokens", "output_tokens"),
    )


def _usage(usage: Mapping[str, Any] | None, read: str, written: str) -> Mapping[str, int] | None:
    if usage is None:
        return None
    return {
        "input": usage[read],
        "output": usage[written],
        "total": usage["total_tokens"],
        "cached": (usage.get(f"{read}_details") or {}).get("cached_tokens") or 0,
        "reasoning": (usage.get(f"{written}_details") or {}).get("reasoning_tokens") or 0,
    }


# What the model gives.


def heard(message: AIMessage) -> Said:
    """Take a message of LangChain apart."""
    assert not message.invalid_tool_calls
    calls = [(call["id"] or "", call["name"], call["args"]) for call in message.tool_calls]
    if legacy := message.additional_kwargs.get("function_call"):
        calls.append(("", legacy["name"], json.loads(legacy["arguments"])))
    return Said(
        text=str(message.text),
        refusal=message.additional_kwargs.get("refusal"),
        calls=tuple(calls),
        finish=message.response_metadata.get("finish_reason"),
        usage=_counted(message),
    )


def _counted(message: AIMessage) -> Mapping[str, int] | None:
    usage = message.usage_metadata
    assert usage is not None, "usage is always there, told or estimated"
    if message.response_metadata.get("estimated"):
        return None
    return {
        "input": usage["input_tokens"],
        "output": usage["output_tokens"],
        "total": usage["total_tokens"],
        "cached": _detail(usage.get("input_token_details"), "cache_read"),
        "reasoning": _detail(usage.get("output_token_details"), "reasoning"),
    }


def _detail(details: Any, name: str) -> int:
    """Find a count that LangChain calls `flex_reasoning` where the tier of service is `flex`."""
    return next((count for key, count in (details or {}).items() if key.endswith(name)), 0)


class Replay:
    """Serves one recorded response after another to two models, one for each API."""

    def __init__(self) -> None:
        self.now: Any = None
        self.server = LoopbackServer(self._answer)
        self.models = {
            kind: OpenAIChatModel(
                model="recorded",
                base_url=self.server.url,
                api_key=KEY,
                use_responses_api=kind == "responses",
                max_retries=0,
            )
            for kind in ("chat", "responses")
        }

    def _answer(self, asked: Asked) -> Answer:
        headers = {name: value for name, value in self.now.headers.items() if name in ("content-type", "retry-after")}
        return Answer(status=self.now.status, headers=headers, body=self.now.body)

    def model(self, exchange: Any) -> OpenAIChatModel:
        self.now = exchange
        return self.models[exchange.kind]

    def ask(self, exchange: Any) -> list[Said]:
        """Ask as the exchange was asked: streamed or whole."""
        model = self.model(exchange)
        if _streamed(exchange):
            return [heard(_sum(list(model.stream(ASKED))))]
        return [heard(choice.message) for choice in model.generate([ASKED]).generations[0]]  # type: ignore[union-attr, arg-type]

    async def ask_async(self, exchange: Any) -> list[Said]:
        """Do what `ask` does."""
        model = self.model(exchange)
        if _streamed(exchange):
            return [heard(_sum([chunk async for chunk in model.astream(ASKED)]))]
        found = (await model.agenerate([ASKED])).generations[0]
        return [heard(choice.message) for choice in found]  # type: ignore[union-attr, arg-type]


def _sum(chunks: list[Any]) -> Any:
    total = chunks[0]
    for chunk in chunks[1:]:
        total += chunk
    return total


@pytest.fixture
def replay() -> Iterator[Replay]:
    replay = Replay()
    with replay.server:
        yield replay


def not_claimed(exchange: Any) -> str | None:
    """Say why nothing is promised of an exchange; None where it is."""
    if exchange.kind not in ("chat", "responses"):
        return f"{OTHER}: {exchange.kind.split('/v1/')[-1].split('/')[0]}"
    if b'"audio":{' in exchange.body.replace(b'": {', b'":{'):
        return AUDIO
    if exchange.kind == "chat" and _streamed(exchange):
        places = {choice["index"] for event in _events(exchange) for choice in event["choices"]}
        return SEVERAL_AT_ONCE if len(places) > 1 else None
    return None


def is_refused(exchange: Any) -> bool:
    """Whether the response is an error; Azure's filter says so with the status 200."""
    return exchange.status >= 400 or (not _streamed(exchange) and bool(json.loads(exchange.body).get("error")))


@pytest.fixture
def good(exchanges: Sequence[Any]) -> list[Any]:
    return [one for one in exchanges if not_claimed(one) is None and not is_refused(one)]


@pytest.fixture
def refused(exchanges: Sequence[Any]) -> list[Any]:
    return [one for one in exchanges if not_claimed(one) is None and is_refused(one)]


def test_what_is_not_claimed_is_counted(exchanges: Sequence[Any]) -> None:
    reasons = Counter(reason for one in exchanges if (reason := not_claimed(one)))
    assert reasons == {
        f"{OTHER}: completions": 5,
        f"{OTHER}: conversations": 2,
        f"{OTHER}: embeddings": 5,  # ragkit.embed.openai has a test of its own for them
        f"{OTHER}: files": 5,
        f"{OTHER}: images": 5,
        f"{OTHER}: models": 1,
        f"{OTHER}: realtime": 4,
        f"{OTHER}: responses": 3,  # counting a prompt, and fetching a response again
        f"{OTHER}: vector_stores": 3,
        SEVERAL_AT_ONCE: 2,
        AUDIO: 1,
    }
    assert (len(exchanges), sum(reasons.values())) == (155, 36)


def test_every_reply_gives_its_text_tool_calls_usage_finish_reason_and_refusal(good: list[Any], replay: Replay) -> None:
    differing = {one.name: (heard, told(one)) for one in good if (heard := replay.ask(one)) != told(one)}
    assert differing == {}
    assert Counter((one.kind, "streamed" if _streamed(one) else "whole") for one in good) == {
        ("chat", "whole"): 38,
        ("chat", "streamed"): 8,
        ("responses", "whole"): 48,
        ("responses", "streamed"): 15,
    }


def test_the_exchanges_hold_what_they_are_to_show(good: list[Any]) -> None:
    replies = [reply for exchange in good for reply in told(exchange)]
    assert (len(replies), sum(len(reply.calls) for reply in replies)) == (111, 28)
    assert sum(reply.refusal is not None for reply in replies) == 3
    assert sum(reply.usage is None for reply in replies) == 3
    assert Counter(reply.finish for reply in replies) == {"stop": 79, "tool_calls": 27, "length": 4, "function_call": 1}


async def test_every_reply_says_the_same_to_who_awaits_it(good: list[Any], replay: Replay) -> None:
    differing = {one.name: (heard, told(one)) for one in good if (heard := await replay.ask_async(one)) != told(one)}
    assert differing == {}


def test_the_pieces_of_a_stream_are_those_of_the_wire(good: list[Any], replay: Replay) -> None:
    streams = [one for one in good if one.kind == "responses" and _streamed(one)]
    for exchange in streams:
        deltas = [event["delta"] for event in _events(exchange) if event["type"] == "response.output_text.delta"]
        shown = [str(chunk.text) for chunk in replay.model(exchange).stream(ASKED)]
        assert [text for text in shown if text] == [text for text in deltas if text], exchange.name
    assert len(streams) == 15


def _asked(request: Mapping[str, Any]) -> dict[str, Any]:
    """Give a request without what may differ: the newer name of `max_tokens`, and how JSON within it is spaced."""
    plain = {name: value for name, value in request.items() if name not in ("stream", "stream_options")}
    if "max_tokens" in plain:
        plain["max_completion_tokens"] = plain.pop("max_tokens")
    plain["messages"] = [_message(message) for message in plain["messages"]]
    return {"model": "recorded", **plain}


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    plain = {"content": None, **message}
    for call in plain.get("tool_calls") or []:
        arguments = json.loads(call["function"]["arguments"])
        call["function"] = {**call["function"], "arguments": json.dumps(arguments, sort_keys=True)}
    return plain


def _not_strict(request: Mapping[str, Any]) -> bool:
    """Whether openai refuses it: a form for the reply beside tools that are not strict."""
    tools = request.get("tools") or []
    return "response_format" in request and not all(tool["function"].get("strict") for tool in tools)


def test_every_recorded_request_for_a_chat_completion_is_sent_as_it_was(good: list[Any], replay: Replay) -> None:
    differing, sent = {}, 0
    for exchange in (one for one in good if one.kind == "chat" and not _not_strict(one.asked)):
        model, expected = replay.model(exchange), _asked(copy.deepcopy(exchange.asked))
        messages = convert_to_messages([{"content": None, **message} for message in exchange.asked["messages"]])
        options = {name: value for name, value in expected.items() if name != "messages"}
        if _streamed(exchange):
            list(model.stream(messages, **options))
        else:
            model.generate([messages], **options)
        arrived = _asked(replay.server.requests[-1].json)
        if arrived != expected:
            differing[exchange.name] = (arrived, expected)
        sent += 1
    assert differing == {}
    assert sent == 44


def test_every_refusal_is_an_error_with_the_servers_words_and_without_the_key(
    refused: list[Any], replay: Replay
) -> None:
    for exchange in refused:
        said = json.loads(exchange.body)["error"]
        with pytest.raises(ModelError, match=re.escape(said["message"][:300])) as caught:
            replay.ask(exchange)
        error = caught.value
        assert type(error) is (ModelAccessError if exchange.status == 401 else ModelRequestError), exchange.name
        if isinstance(error, ModelRequestError):
            expected = (None if exchange.status == 200 else exchange.status, said["code"] or said["type"])
            assert (error.status, error.code) == expected
        assert KEY not in f"{error!r}{error.__cause__!r}{error.__context__!r}"
    assert Counter(one.status for one in refused) == {200: 1, 400: 6, 401: 2, 404: 1}
