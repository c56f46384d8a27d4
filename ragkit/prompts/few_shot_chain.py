"""A few-shot prompt as LangChain parts: the prompt alone, and the whole way from a text to what was parsed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel, run_in_executor
from pydantic import Field

from ragkit.errors import ConfigError, InputError, OutputParseError
from ragkit.prompts.few_shot import FewShot
from ragkit.prompts.langchain import ChatPrompt
from ragkit.prompts.parsers.labels import LabelParser
from ragkit.prompts.parsers.langchain import UnreadableOutputError

__all__ = ["FewShotChatPrompt", "few_shot_chain"]

T = TypeVar("T")


class FewShotChatPrompt(ChatPrompt):
    """A `FewShot` in LangChain's place for a prompt: `few_shot.as_langchain() | model` streams what the model says."""

    few_shot: Any = Field(exclude=True)
    """A `FewShot`; `Any`, because pydantic cannot look into it."""

    @classmethod
    def around(cls, few_shot: FewShot[Any], *, strict: bool = True) -> Self:
        """Give a few-shot prompt as a LangChain part; `strict` as of `ChatPrompt`."""
        prompt = ChatPrompt.of(few_shot.laid_out)
        names = (prompt.input_variables, prompt.optional_variables)
        required, optional = ([name for name in part if name != few_shot.examples_variable] for part in names)
        types = {name: kind for name, kind in prompt.input_types.items() if name != few_shot.examples_variable}
        return cls(
            few_shot=few_shot,
            prompt=few_shot.laid_out,
            seed=few_shot.seed,
            strict=strict,
            input_variables=required,
            optional_variables=optional,
            input_types=types,
        )

    def format_messages(self, **kwargs: Any) -> list[BaseMessage]:
        """Give the messages for a text, under its variable's name, and values of other variables.

        Raises:
            InputError: Naming the variable that is missing, unknown or given what its kind does not take.
            ContextLengthError: If there is too much even without examples.
        """
        takes = (*self.input_variables, *self.optional_variables)
        given = kwargs if self.strict else {name: kwargs[name] for name in takes if name in kwargs}
        if self.few_shot.subject not in given:
            raise InputError(f"prompt {self.prompt.name} needs a value for {self.few_shot.subject}.")
        text = given[self.few_shot.subject]
        others = {name: value for name, value in given.items() if name != self.few_shot.subject}
        messages: list[BaseMessage] = self.few_shot.render(text, **others)
        return messages

    async def aformat_messages(self, **kwargs: Any) -> list[BaseMessage]:
        """Give the messages; examples are chosen in a thread, since an encoder may work for long."""
        return await run_in_executor(None, lambda: self.format_messages(**kwargs))

    def partial(self, **kwargs: Any) -> Self:
        """Give a copy that has these values already, among the options of the few-shot prompt."""
        options = {**self.few_shot.options, **kwargs}
        return type(self).around(replace(self.few_shot, options=options), strict=self.strict)


def few_shot_chain(
    few_shot: FewShot[T], model: Runnable[Any, Any], *, structured: bool = False
) -> Runnable[str | Mapping[str, Any], T]:
    """Give the whole way from a text to what was parsed; see `FewShot.runnable`.

    The input is the text, or a mapping with it under the prompt's variable and values of other variables. A reply that
    cannot be read raises an error that is an `OutputParseError` and LangChain's `OutputParserException` at once.
    """
    prompt = few_shot.as_langchain()
    answers = _held(few_shot, model) if structured else model

    def named(given: str | Mapping[str, Any]) -> dict[str, Any]:
        if isinstance(given, Mapping):
            return dict(given)
        return {few_shot.subject: few_shot.prompt.variable(few_shot.subject).checked(given)}

    def read(asked: Mapping[str, Any]) -> T:
        try:
            return few_shot.parse(asked["reply"], text=asked["values"][few_shot.subject])
        except OutputParseError as error:
            raise UnreadableOutputError(str(error), error.raw_output) from error

    asked = RunnableParallel(values=RunnableLambda(dict), reply=prompt | answers)
    chain: Runnable[str | Mapping[str, Any], T] = RunnableLambda(named) | asked | RunnableLambda(read)
    return chain.with_config(run_name=f"few-shot {few_shot.prompt.name}")


def _held(few_shot: FewShot[Any], model: Runnable[Any, Any]) -> Runnable[Any, str]:
    """Give a model that is held to the schema of the replies, and says their text whichever way it is held."""
    parser = few_shot.parser
    schema = parser.held_schema if isinstance(parser, LabelParser) else parser.schema
    if schema is None:
        raise ConfigError(f"replies to prompt {few_shot.prompt.name} are free text: leave structured=True out.")
    if not isinstance(model, BaseChatModel):
        raise ConfigError(
            f"structured=True needs a chat model itself, got a {type(model).__name__}: give the model its options, and "
            "add fallbacks and retries to what runnable() gives."
        )
    try:
        held: Runnable[Any, Any] = model.with_structured_output({"title": "reply", **schema}, include_raw=True)
    except NotImplementedError as error:
        raise ConfigError(
            f"{type(model).__name__} cannot be held to a schema: leave structured=True out, or take another model."
        ) from error
    text: Runnable[Any, str] = RunnableLambda(_said)
    return held | text


def _said(given: Mapping[str, Any]) -> str:
    """Give the reply's text, or what it calls its one tool with: some models are held by a tool that takes the form."""
    message = given["raw"]
    whole, broken = message.tool_calls, message.invalid_tool_calls
    if whole:
        return json.dumps(whole[0]["args"], ensure_ascii=False)
    return (broken[0]["args"] or "") if broken else str(message.text)
