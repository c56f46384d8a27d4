"""Answers in OpenAI's form for a `LoopbackServer`: chat completions, whole and streamed, and errors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from ragkit.errors import InputError
from ragkit.testing.servers import Answer, Piece

__all__ = [
    "chat_chunk",
    "chat_reply",
    "error_reply",
    "events",
    "response_events",
    "response_reply",
    "sse_reply",
    "stream_reply",
]


def events(items: Iterable[Any], *, done: bool = True) -> Iterator[str]:
    """Write server-sent events: JSON data, with its `type` as the event's name where it has one.

    Args:
        items: The data of each; text goes as it is.
        done: Whether `[DONE]` follows, as Chat Completions end.
    """
    for item in chain(items, ["[DONE]"] if done else []):
        name = f"event: {item['type']}\n" if isinstance(item, Mapping) and "type" in item else ""
        yield f"{name}data: {item if isinstance(item, str) else json.dumps(item)}\n\n"


def chat_chunk(delta: Mapping[str, Any] | None, *, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """Write the data of one event of a streamed chat completion; a delta of None has no choices, as usage comes."""
    choices = [] if delta is None else [{"index": 0, "delta": dict(delta), "finish_reason": finish}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "scripted",
        "choices": choices,
        **fields,
    }


def stream_reply(
    texts: Sequence[str],
    *,
    usage: tuple[int, int] | None = None,
    finish: str | None = "stop",
    done: bool = True,
    pause_s: float = 0.0,
    **options: Any,
) -> Answer:
    """Answer with a streamed chat completion.

    Args:
        texts: What each chunk adds.
        usage: Tokens of prompt and reply, sent in a last chunk; None sends none.
        finish: The finish reason; None sends none, as a stream that breaks off.
        done: Whether `[DONE]` ends it.
        pause_s: Pause after each chunk.
        **options: Fields of `Answer`, such as `cut`.
    """
    chunks = [chat_chunk({"role": "assistant", "content": ""}), *(chat_chunk({"content": text}) for text in texts)]
    if finish is not None:
        chunks.append(chat_chunk({}, finish=finish))
    if usage is not None:
        chunks.append(chat_chunk(None, usage=_usage(*usage)))
    return sse_reply(chunks, done=done, pause_s=pause_s, **options)


def sse_reply(items: Iterable[Any], *, done: bool = True, pause_s: float = 0.0, **options: Any) -> Answer:
    """Answer with server-sent events, as `events` writes them, with a pause after each."""
    pieces: list[Piece] = []
    for event in events(items, done=done):
        pieces += [event, pause_s] if pause_s else [event]
    return Answer(headers={"content-type": "text/event-stream"}, pieces=pieces, **options)


def chat_reply(text: str | None, *, usage: tuple[int, int] | None = (1, 1), **message: Any) -> Answer:
    """Answer with a chat completion.

    Args:
        text: What the assistant says.
        usage: Tokens of prompt and reply; None leaves them out, as some servers do.
        **message: Further fields of the message, such as `tool_calls` or `refusal`, and the `finish_reason`.
    """
    finish = message.pop("finish_reason", "tool_calls" if message.get("tool_calls") else "stop")
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    body: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "scripted",
        "choices": [choice],
    }
    if usage is not None:
        body["usage"] = _usage(*usage)
    return Answer(body=body)


def error_reply(status: int, message: str, *, headers: Mapping[str, str] | None = None, **fields: Any) -> Answer:
    """Answer with an error as OpenAI writes it.

    Args:
        status: 400 or more.
        message: What went wrong.
        headers: Headers such as `retry-after`.
        **fields: Further fields of the error: `code`, `type`, `param`.

    Raises:
        InputError: If the status is no error.
    """
    if status < 400:
        raise InputError(f"an error has a status of 400 or more, got {status}.")
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None, **fields}
    return Answer(status=status, headers=headers or {}, body={"error": error})


def _response(output: Sequence[Any], usage: tuple[int, int] | None, **fields: Any) -> dict[str, Any]:
    told = usage and {"input_tokens": usage[0], "output_tokens": usage[1], "total_tokens": sum(usage)}
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "scripted",
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "output": list(output),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {**told, **details} if told else None,
        **fields,
    }


def _message(text: str, kind: str) -> dict[str, Any]:
    part = (
        {"type": "refusal", "refusal": text} if kind == "refusal" else {"type": kind, "text": text, "annotations": []}
    )
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}


def response_reply(
    text: str | None,
    *,
    output: Sequence[Mapping[str, Any]] = (),
    usage: tuple[int, int] | None = (1, 1),
    kind: str = "output_text",
    **fields: Any,
) -> Answer:
    """Answer as the Responses API does.

    Args:
        text: What the assistant says; None for no message.
        output: Further items, such as function calls.
        usage: Tokens of prompt and reply; None leaves them out.
        kind: `output_text` or `refusal`.
        **fields: Further fields of the response, such as `status`.
    """
    said = [] if text is None else [_message(text, kind)]
    return Answer(body=_response([*said, *output], usage, **fields))


def response_events(
    texts: Sequence[str],
    *,
    usage: tuple[int, int] | None = (1, 1),
    end: str | None = "response.completed",
    **fields: Any,
) -> list[dict[str, Any]]:
    """Write the events of a streamed response.

    Args:
        texts: What each delta adds.
        usage: Tokens of prompt and reply; None leaves them out.
        end: The last event; None for a stream that breaks off.
        **fields: Further fields of the response in the last event; its `output` is the message if not given.
    """
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": []}
    made: list[dict[str, Any]] = [
        {"type": "response.created", "response": _response([], None, status="in_progress")},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        *({"type": "response.output_text.delta", "delta": text, "logprobs": [], **place} for text in texts),
    ]
    if end is not None:
        output = fields.pop("output", [_message("".join(texts), "output_text")])
        whole = _response(output, usage, **fields)
        made.append({"type": end, "response": whole})
    return [{**event, "sequence_number": number} for number, event in enumerate(made)]


def _usage(prompt: int, reply: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": reply, "total_tokens": prompt + reply}
