from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import ConfigurableField, RunnableParallel, RunnablePassthrough
from pydantic import Field

from ragkit.messages.bound import BoundModel, models_in, name_of
from ragkit.models import OpenAIChatModel, RetryChatModel
from ragkit.testing import ScriptedChatModel


def test_models_are_given_with_the_arguments_that_reach_them() -> None:
    one, two = ScriptedChatModel([]), ScriptedChatModel([])
    chain = RunnableParallel(first=one.bind(a=1, b=1).bind(b=2), second=two) | StrOutputParser()

    assert models_in(chain) == [BoundModel(one, {"a": 1, "b": 2}), BoundModel(two, {})]
    assert models_in(one.with_fallbacks([two])) == [BoundModel(one, {}), BoundModel(two, {})]
    assert models_in(StrOutputParser()) == []


def test_what_is_bound_to_steps_reaches_the_model_as_in_langchain() -> None:
    given: list[dict[str, Any]] = []

    class Noting(FakeListChatModel):
        responses: list[str] = Field(default_factory=lambda: ["x"])

        def _call(self, *_: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> str:
            given.append(kwargs)
            return "x"

    model = Noting()
    passed = RunnablePassthrough[Any]()
    for chain in (
        (passed | model.bind(b=2)).bind(a=1),
        (model | passed).bind(a=1),
        RunnableParallel(one=model).bind(a=1),
        model.bind(a=0, b=2).with_retry().bind(a=1),
        model.with_fallbacks([ScriptedChatModel([])]).bind(a=1),
    ):
        chain.invoke("x")
        assert models_in(chain)[0].kwargs == given.pop()


def test_models_that_are_asked_again_or_configured_later_are_found() -> None:
    model = ScriptedChatModel([])

    assert models_in(model.bind(a=1).with_retry()) == [BoundModel(model, {"a": 1})]
    assert models_in(model.configurable_fields(tags=ConfigurableField(id="tags"))) == [BoundModel(model, {})]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (OpenAIChatModel(model="gpt-4o", api_key="sk-none"), "gpt-4o"),
        (RetryChatModel(model=OpenAIChatModel(model="gpt-4o", api_key="sk-none")), "gpt-4o"),
        (FakeListChatModel(responses=[]), None),
    ],
)
def test_a_model_is_named_as_its_maker_names_it(model: BaseChatModel, name: str | None) -> None:
    assert name_of(model) == name
