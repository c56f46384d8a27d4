"""What decides a reply, as text: the prompt, and the model with every argument of the call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from pydantic import BaseModel

from ragkit.models.wrappers.around import ChatModelAround
from ragkit.models.wrappers.calls import Call

__all__ = ["Question", "question_of", "text_of", "why_not_kept"]


class Question(NamedTuple):
    """Two calls with equal questions have the same answer."""

    prompt: str
    decides: str


def question_of(model: BaseChatModel, call: Call) -> Question:
    """Give what decides the reply to a call.

    Of earlier replies counts what the model is shown, and the server's own id where it continues from that; not how
    many tokens they took or which run they came from. Tracing arguments do not count.

    Raises:
        TypeError: If an argument or a message holds what has no text form of its own, such as a client or a function.
    """
    kwargs = {name: value for name, value in call.kwargs.items() if not name.endswith("structured_output_format")}
    return Question(
        prompt=text_of([_shown(message) for message in call.messages]),
        decides=text_of([model._get_llm_string(), model.output_version, call.stop, kwargs]),
    )


def why_not_kept(model: BaseChatModel, call: Call) -> str | None:
    """Say why a reply should not be given again: it was drawn at random, and nothing says that it must be this one."""
    if isinstance(model, ChatModelAround):
        return next(filter(None, (why_not_kept(inner, call) for inner in model._inner)), None)
    params = model._get_invocation_params(stop=call.stop, **call.kwargs)
    temperature = params.get("temperature")
    if not isinstance(temperature, int | float) or temperature <= 0 or params.get("seed") is not None:
        return None
    return f"drawn at random (temperature {temperature:g}, no seed)"


def _shown(message: BaseMessage) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": message.type, "content": message.content, "name": message.name}
    shown["more"] = message.additional_kwargs
    if isinstance(message, AIMessage):
        shown["tool_calls"] = [message.tool_calls, message.invalid_tool_calls]
        server_id = message.response_metadata.get("id")
        shown["continues"] = server_id if str(server_id).startswith("resp_") else None
    if isinstance(message, ToolMessage):
        shown["answers"] = [message.tool_call_id, message.status]
    return shown


def text_of(value: object) -> str:
    """Give equal text for equal values of JSON, Pydantic values and schemas among them.

    Raises:
        TypeError: If something in them has no text form of its own, such as a client or a function.
    """
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_plain)


def _plain(value: object) -> Any:
    if isinstance(value, type) and issubclass(value, BaseModel):
        return {"class": value.__qualname__, "schema": value.model_json_schema()}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} among what decides the reply has no text of its own")
