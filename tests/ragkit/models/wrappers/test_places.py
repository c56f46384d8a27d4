from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel, RunnablePassthrough

from ragkit.errors import ConfigError
from ragkit.models.wrappers.places import put_in_place
from ragkit.models.wrappers.retry import RetryChatModel
from ragkit.testing import ScriptedChatModel


def _chains(model: BaseChatModel) -> dict[str, Runnable[Any, Any]]:
    return {
        "model": model,
        "bound": model.bind(a=1).bind(b=2),
        "configured": model.with_config(tags=["x"]),
        "sequence": model.bind(a=1) | StrOutputParser(),
        "long": RunnablePassthrough() | model | StrOutputParser() | RunnableLambda(str.upper),
        "parallel": RunnableParallel(raw=model, same=RunnablePassthrough()) | RunnableLambda(lambda both: both["raw"]),
        "fallbacks": (model | StrOutputParser()).with_fallbacks([RunnableLambda(str)]),
    }


@pytest.mark.parametrize("name", _chains(ScriptedChatModel([])))
def test_a_model_is_found_and_replaced_wherever_it_stands(name: str) -> None:
    old, new = ScriptedChatModel(lambda _: "old"), ScriptedChatModel(lambda _: "new")
    chain = _chains(old)[name]

    rebuilt = put_in_place(chain, lambda model: new if model is old else model)

    said = rebuilt.invoke("Hi")
    assert str(getattr(said, "content", said)).lower() == "new"
    assert old.calls == ()
    before = chain.invoke("Hi")
    assert str(getattr(before, "content", before)).lower() == "old"
    assert type(rebuilt) is type(chain)


def test_bound_arguments_stay_with_what_is_put_there() -> None:
    old, new = ScriptedChatModel([]), ScriptedChatModel(["x"])

    put_in_place(old.bind(a=1).bind(b=2) | StrOutputParser(), lambda _: new).invoke("Hi")

    assert dict(new.calls[0].options) == {"a": 1, "b": 2}


def test_a_chain_that_hides_its_model_is_refused() -> None:
    with pytest.raises(ConfigError, match="a RunnableLambda in which no chat model can be found"):
        put_in_place(RunnableLambda(lambda _: None), lambda model: model)


class _Copying(ScriptedChatModel):
    def bind_tools(self, *args: Any, **kwargs: Any) -> Runnable[Any, Any]:
        return self.model_copy(update={"model_name": "copied"}).bind(tools=[])


def test_a_model_that_binds_a_copy_of_itself_is_wrapped_as_that_copy() -> None:
    model = RetryChatModel(model=_Copying(["Hi"]))

    bound = model.bind_tools([])

    assert bound.invoke("Hello").response_metadata["model_name"] == "copied"
    assert bound.invoke.__self__.bound.model_name == "copied"  # type: ignore[attr-defined]
    assert model.model_name == "scripted"
