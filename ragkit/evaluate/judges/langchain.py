"""Any LangChain chat model as a `ChatModel`."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langsmith import tracing_context

from ragkit.errors import ConfigError, InputError, ModelError, shorten
from ragkit.evaluate.chat import Ask, Message, Reply
from ragkit.prompts.library import load_prompt
from ragkit.prompts.prompt import Prompt

__all__ = ["LangChainChat", "plain_messages"]

_KINDS: dict[str, type[BaseMessage]] = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
_SECRET = re.compile("key|secret|password|authorization|credential|headers|token$", re.IGNORECASE)


class LangChainChat:
    """A LangChain chat model, named and with its parameters on the card.

    `max_retries` and timeouts are the model's own; a question is put to it once. It is told to nobody else: LangSmith
    is off within, also where LANGSMITH_TRACING asks for it.
    """

    def __init__(
        self,
        model: BaseChatModel,
        name: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        schema: Literal["prompt", "response_format"] = "prompt",
        schema_prompt: Prompt | None = None,
        usd_per_million: tuple[float, float] = (0.0, 0.0),
        cost: Callable[[Mapping[str, Any]], float | None] | None = None,
    ) -> None:
        """Wrap a model.

        Args:
            model: Any chat model of LangChain.
            name: Which model it is, with its revision, such as `gpt-4.1-mini-2025-04-14`.
            parameters: All else that decides what it says, as JSON; None takes what the model tells of itself, which
                for some classes is nothing.
            schema: How a question's JSON Schema reaches it: written under the system message, or as OpenAI's
                `response_format`, for providers that decode under it.
            schema_prompt: How it is written under the system message; None for ragkit's `reply-schema`.
            usd_per_million: Price of a million tokens read and written, in US dollars.
            cost: Gives what a reply costs in US dollars by its `usage_metadata`, None where it is unpriced; takes the
                place of `usd_per_million`.

        Raises:
            ConfigError: If `schema` is neither, or `schema_prompt` has other variables than `reply-schema`.
        """
        if schema not in ("prompt", "response_format"):
            raise ConfigError(f"schema must be 'prompt' or 'response_format', got {shorten(repr(schema))}.")
        self._model = model
        self._schema = schema
        self._schema_prompt = (schema_prompt or load_prompt("reply-schema")).only_system("schema")
        self._cost = cost or _flat_price(*usd_per_million)
        told = _told(model) if parameters is None else dict(parameters)
        kind = type(model)
        self.card: Mapping[str, Any] = {
            "name": name,
            "class": f"{kind.__module__}.{kind.__qualname__}",
            "parameters": told,
            "schema": schema,
            **({"schema_prompt": schema_prompt.sha256} if schema_prompt else {}),
        }

    def reply(self, ask: Ask) -> Reply:
        """Ask the model once.

        Raises:
            ModelError: If it fails, in whatever way; ragkit's own errors as they are, of others class and status, and
                the error itself is the cause.
        """
        messages = [_KINDS[message.role](content=message.content) for message in self._messages(ask)]
        started = time.perf_counter()
        try:
            with tracing_context(enabled=False):
                said = self._bound(ask).invoke(messages)
        except ModelError:
            raise
        except Exception as error:  # each provider raises its own classes; what they have in common is only this
            status = getattr(error, "status_code", None)
            raise ModelError(f"{type(error).__name__}{f' ({status})' if status else ''}") from error
        usage: Mapping[str, Any] = said.usage_metadata or {}
        return Reply(
            text=str(said.text),
            input_tokens=usage.get("input_tokens", 0),
            output_tokens=usage.get("output_tokens", 0),
            cost_usd=self._cost(usage),
            seconds=time.perf_counter() - started,
        )

    def _bound(self, ask: Ask) -> Any:  # Any: bind gives a Runnable whose output type LangChain leaves open
        if ask.schema is None or self._schema == "prompt":
            return self._model
        form = {"name": "reply", "schema": dict(ask.schema), "strict": True}
        return self._model.bind(response_format={"type": "json_schema", "json_schema": form})

    def _messages(self, ask: Ask) -> list[Message]:
        if ask.schema is None or self._schema == "response_format":
            return list(ask.messages)
        form = json.dumps(ask.schema, ensure_ascii=False, sort_keys=True)
        (wanted,) = plain_messages(self._schema_prompt.render({"schema": form}))
        first, *others = ask.messages
        if first.role == "system":
            return [Message("system", f"{first.content}\n\n{wanted.content}"), *others]
        return [wanted, first, *others]


def plain_messages(messages: Sequence[BaseMessage]) -> tuple[Message, ...]:
    """Give what a prompt rendered as the messages of a question to a model.

    Raises:
        InputError: If one is not of the system, the user or the assistant, or is more than text.
    """
    return tuple(map(_plain, messages))


def _plain(message: BaseMessage) -> Message:
    role = next((role for role, kind in _KINDS.items() if isinstance(message, kind)), None)
    calls = isinstance(message, AIMessage) and (message.tool_calls or message.invalid_tool_calls)
    if role is None or calls or not isinstance(message.content, str):
        raise InputError(
            f"a message of type {shorten(message.type)} that is more than text cannot be asked here: expected turns of "
            "the system, the user and the assistant, of text."
        )
    return Message(role, message.content)


def _flat_price(read: float, written: float) -> Callable[[Mapping[str, Any]], float]:
    return lambda usage: (usage.get("input_tokens", 0) * read + usage.get("output_tokens", 0) * written) / 1e6


def _told(model: BaseChatModel) -> dict[str, Any]:
    """Give what a model tells of its parameters, without what smells of a secret and what is no JSON."""
    told = {name: value for name, value in _harmless(model.asdict()).items() if _is_json(value)}
    return dict(sorted(told.items()))


def _harmless(value: Any) -> Any:  # Any: whatever a model tells of itself, lists and dicts in each other
    if isinstance(value, Mapping):
        return {name: _harmless(part) for name, part in value.items() if not _SECRET.search(str(name))}
    return [_harmless(part) for part in value] if isinstance(value, list | tuple) else value


def _is_json(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True
