from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, trim_messages
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import ConfigurableField
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import Field

from ragkit.errors import ConfigError, ModelError
from ragkit.messages.counters import Counted, counter_of
from ragkit.messages.tokens import TokenCounter, counter_for, counter_of_text, estimate_model_tokens
from ragkit.models import FallbackChatModel, LocalChatModel, OpenAIChatModel, RetryChatModel
from ragkit.testing import ScriptedChatModel

PROMPT = [SystemMessage("You are brief."), HumanMessage("What is a token?"), AIMessage("A piece of text.")]


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return city


class WordsChatModel(FakeListChatModel):
    """Brings a count of its own: words."""

    responses: list[str] = Field(default_factory=list)

    def get_num_tokens(self, text: str) -> int:
        return len(text.split())

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        return sum(len(message.text.split()) for message in messages) + 100 * len(tools or ())


class PromptsChatModel(FakeListChatModel):
    """Counts whole prompts only."""

    responses: list[str] = Field(default_factory=list)

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        return 7 * len(messages)


class TextsChatModel(FakeListChatModel):
    """Counts texts only: signs."""

    responses: list[str] = Field(default_factory=list)

    def get_token_ids(self, text: str) -> list[int]:
        return list(range(len(text)))


class ForgetfulChatModel(PromptsChatModel):
    """Counts nothing at all, as GPT-2's tokenizer does when it cannot be loaded."""

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        return 0


class OnlineChatModel(WordsChatModel):
    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        raise AssertionError("this one asks a server")

    def get_num_tokens(self, text: str) -> int:
        raise AssertionError("so does this one")


OnlineChatModel.__module__ = "langchain_of_some_vendor.chat_models"


def test_a_model_that_brings_no_count_is_estimated_and_never_counts_nothing() -> None:
    counter = counter_of(FakeListChatModel(responses=[]))

    assert counter.estimated
    assert counter.text("Retrieval works.") == 5
    assert counter.messages(PROMPT) == counter_for("").messages(PROMPT) > 0


@pytest.mark.parametrize("model", [None, "gpt-4o", "openai:gpt-4o", "local:some/model", ""])
def test_a_name_alone_is_enough(model: str | None) -> None:
    counter = counter_of(model)

    assert counter.estimated
    assert counter.messages(PROMPT) == counter_for("gpt-4o").messages(PROMPT)


def test_a_counter_is_given_back_as_it_is() -> None:
    counter = counter_for("gpt-4o")

    assert counter_of(counter) is counter


def test_a_models_own_count_is_taken() -> None:
    counter = counter_of(WordsChatModel())

    assert not counter.estimated
    assert counter.text("two words") == 2
    assert counter.text("") == 0
    assert counter.messages(PROMPT) == 11
    assert counter.messages(PROMPT, [weather]) == 111


def test_a_model_that_counts_prompts_only_has_its_texts_estimated() -> None:
    counter = counter_of(PromptsChatModel())

    assert counter.estimated
    assert counter.messages(PROMPT) == 21
    assert counter.text("Retrieval works.") == estimate_model_tokens("Retrieval works.")


def test_a_model_that_counts_texts_only_has_its_prompts_wrapped_by_the_recipe() -> None:
    counter = counter_of(TextsChatModel())

    assert not counter.estimated
    assert counter.text("four") == 4
    assert counter.messages([HumanMessage("four")]) == 4 + 4 + 3
    assert counter.messages([HumanMessage("four")], [weather]) > 4 + 4 + 3


def test_ids_that_the_user_cuts_are_counted() -> None:
    counter = counter_of(FakeListChatModel(responses=[], custom_get_token_ids=lambda text: [1, 2, 3]))

    assert (counter.text("whatever it is"), counter.estimated) == (3, False)


def test_a_count_of_nothing_for_text_is_not_believed() -> None:
    counter = counter_of(ForgetfulChatModel())

    with pytest.raises(ModelError, match="ForgetfulChatModel counts 0 tokens where there is text: pass a TokenCounter"):
        counter.messages(PROMPT)
    assert counter.messages([]) == 0


def test_a_model_that_would_ask_its_server_is_counted_here() -> None:
    counter = counter_of(OnlineChatModel())

    assert counter.messages(PROMPT) == counter_for("").messages(PROMPT)
    assert counter_of(OnlineChatModel(custom_get_token_ids=lambda text: [1, 2, 3])).text("whatever") == 3


def test_langchains_openai_model_is_counted_by_its_name_and_without_a_network() -> None:
    counter = counter_of(ChatOpenAI(model="gpt-4o", api_key="sk-none"))  # type: ignore[arg-type]

    assert counter.text("Say this is a test") == 5
    assert counter.messages(PROMPT, [weather]) == counter_for("gpt-4o").messages(PROMPT, [weather])


def test_models_of_ragkit_count_as_they_do_themselves_wrapped_or_not(tmp_path: Path) -> None:
    model = OpenAIChatModel(model="gpt-4o", api_key="sk-none", vocabulary_folder=tmp_path)
    wrapped = RetryChatModel(model=FallbackChatModel(models=[model, ScriptedChatModel([])]))

    for found in (counter_of(model), counter_of(wrapped)):
        assert found is model.token_counter
        assert found.messages(PROMPT) == model.get_num_tokens_from_messages(PROMPT)
    assert counter_of(RetryChatModel(model=FakeListChatModel(responses=[]))).estimated


def test_a_bound_model_counts_its_tools_where_none_are_given() -> None:
    model = OpenAIChatModel(model="gpt-4o", api_key="sk-none")
    bound, bare = counter_of(model.bind_tools([weather]) | StrOutputParser()), counter_of(model)

    assert bound.messages(PROMPT) == bare.messages(PROMPT, [weather]) > bare.messages(PROMPT)
    assert bound.messages(PROMPT, []) == bare.messages(PROMPT)
    assert (bound.text("Say this is a test"), bound.estimated) == (5, True)
    assert isinstance(bound, TokenCounter)
    assert counter_of(model.bind(stop=["x"])) is model.token_counter


FAKE = FakeListChatModel(responses=[])


@pytest.mark.parametrize(
    "model",
    [
        FAKE,
        GenericFakeChatModel(messages=iter([])),
        FAKE.bind(stop=["x"]),
        FAKE.with_config(tags=["x"]),
        FAKE.with_retry(),
        FAKE.with_fallbacks([WordsChatModel()]),
        FAKE.configurable_fields(responses=ConfigurableField(id="r")),
        FAKE.configurable_alternatives(ConfigurableField(id="m"), words=WordsChatModel()),
        RetryChatModel(model=FAKE).with_retry(),
        FallbackChatModel(models=[FAKE, WordsChatModel()]),
        ChatPromptTemplate.from_messages([("user", "{x}")]) | FAKE | StrOutputParser(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_every_sort_of_chat_model_is_counted_in_silence(model: Counted, capfd: pytest.CaptureFixture[str]) -> None:
    counter = counter_of(model)

    assert (counter.text("Retrieval works."), counter.messages(PROMPT), counter.estimated) == (5, 29, True)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (StrOutputParser(), "there is no chat model in this StrOutputParser"),
        (5, "tokens can be counted for a chat model, a model's name or a TokenCounter, got int"),
    ],
)
def test_what_cannot_be_counted_is_told(model: Counted, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        counter_of(model)


def test_a_counter_can_be_made_of_any_tokenizer() -> None:
    counter = counter_of_text(len, estimated=True)

    assert (counter.text("abc"), counter.estimated) == (3, True)
    assert counter.messages([HumanMessage("abc")]) == 3 + 4 + 3


def test_langchain_trims_by_it_whatever_the_model() -> None:
    # LangChain's own count for such a model is 0 without a network, so that it would keep all.
    messages = [HumanMessage(f"{n}: {'word ' * 200}") for n in range(20)]
    counter = counter_of(FakeListChatModel(responses=[]))
    kept = trim_messages(messages, max_tokens=1000, token_counter=counter.messages)

    assert [message.text.partition(":")[0] for message in kept] == ["16", "17", "18", "19"]
    assert counter.messages(kept) <= 1000


def test_a_local_model_counts_its_own_prompts(copy_model: Path) -> None:
    model = LocalChatModel(model=str(copy_model))
    counter = counter_of(RetryChatModel(model=model))

    assert not counter.estimated
    assert counter.text("What is a token?") == len(model.get_token_ids("What is a token?"))
    assert counter.messages(PROMPT[:2]) == model.get_num_tokens_from_messages(PROMPT[:2])
    model.close()
