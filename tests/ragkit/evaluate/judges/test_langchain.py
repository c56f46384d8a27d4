from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tracers.langchain import wait_for_all_tracers
from langsmith.utils import get_env_var, tracing_is_enabled
from pydantic import SecretStr

from ragkit.errors import ConfigError, InputError, ModelError, RateLimitError
from ragkit.evaluate.chat import Ask, Message, Reply
from ragkit.evaluate.judges.langchain import LangChainChat, plain_messages
from ragkit.prompts.library import load_prompt
from ragkit.testing.servers import Answer, LoopbackServer

_ASK = Ask(messages=(Message("system", "Be brief."), Message("user", "Hi"), Message("assistant", "Yes?")))
_SCHEMA = Ask(messages=_ASK.messages, schema={"type": "object"})


class Chatty(BaseChatModel):
    """A provider's model: counts tokens, keeps what it was given, can fail."""

    temperature: float = 0.5
    api_key: SecretStr = SecretStr("sk-secret")
    more: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies it
    fails: Any = None
    seen: list[Any] = []  # noqa: RUF012 - pydantic copies it

    @property
    def _llm_type(self) -> str:
        return "chatty"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"temperature": self.temperature, "api_key": "sk-secret", "client": object(), **self.more}

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **options: Any
    ) -> ChatResult:
        if self.fails:
            raise self.fails
        self.seen.append((messages, options))
        usage = {"input_tokens": 1000, "output_tokens": 10, "total_tokens": 1010}
        message = AIMessage(content=[{"type": "text", "text": "fine"}], usage_metadata=usage)
        return ChatResult(generations=[ChatGeneration(message=message)])


class RefusedError(Exception):
    """As providers raise it: with the status, and with what must not be shown."""

    status_code = 401

    def __str__(self) -> str:
        return "wrong key sk-secret"


def test_the_reply_carries_text_tokens_and_cost() -> None:
    reply = LangChainChat(Chatty(), "chatty-1", usd_per_million=(2.0, 10.0)).reply(_ASK)
    assert (reply.text, reply.input_tokens, reply.output_tokens) == ("fine", 1000, 10)
    assert reply.cost_usd == pytest.approx(0.0021)
    assert reply.seconds > 0


def test_a_model_that_counts_nothing_costs_nothing() -> None:
    reply = LangChainChat(FakeListChatModel(responses=["a"]), "fake").reply(_ASK)
    assert reply == Reply(text="a", seconds=reply.seconds)


def test_the_cost_is_what_the_callers_function_says_and_none_where_there_is_no_price() -> None:
    def cost(usage: Mapping[str, Any]) -> float | None:
        return float(usage["output_tokens"]) if usage["input_tokens"] == 1000 else None

    assert LangChainChat(Chatty(), "chatty-1", cost=cost).reply(_ASK).cost_usd == 10.0
    assert LangChainChat(Chatty(), "chatty-1", cost=lambda usage: None).reply(_ASK).cost_usd is None


def test_an_error_of_ragkits_own_models_keeps_its_sentence() -> None:
    said = RateLimitError("the server asks for patience.", retry_after_s=3.0)
    with pytest.raises(RateLimitError, match="asks for patience") as caught:
        LangChainChat(Chatty(fails=said), "chatty-1").reply(_ASK)
    assert caught.value.retry_after_s == 3.0


def test_roles_arrive_as_langchain_knows_them() -> None:
    model = Chatty()
    LangChainChat(model, "chatty-1").reply(_ASK)
    assert [(message.type, message.content) for message in model.seen[0][0]] == [
        ("system", "Be brief."),
        ("human", "Hi"),
        ("ai", "Yes?"),
    ]


def test_the_schema_is_written_under_the_system_message() -> None:
    model = Chatty()
    LangChainChat(model, "chatty-1").reply(_SCHEMA)
    LangChainChat(model, "chatty-1").reply(Ask(messages=(Message("user", "Hi"),), schema={"type": "object"}))
    wanted = 'Your reply must be JSON of this schema: {"type": "object"}'
    assert model.seen[0][0][0].content == f"Be brief.\n\n{wanted}"
    assert [message.content for message in model.seen[1][0]] == [wanted, "Hi"]
    assert model.seen[0][1] == {}


def test_the_schema_may_be_told_in_the_users_own_words() -> None:
    model, mine = Chatty(), load_prompt("reply-schema").with_instruction("JSON like {{schema}}!")
    chat = LangChainChat(model, "chatty-1", schema_prompt=mine)
    chat.reply(_SCHEMA)
    assert model.seen[0][0][0].content == 'Be brief.\n\nJSON like {"type": "object"}!'
    assert chat.card["schema_prompt"] == mine.sha256
    with pytest.raises(ConfigError, match="prompt judge-again must be one system section with the variable schema of"):
        LangChainChat(model, "chatty-1", schema_prompt=load_prompt("judge-again"))


def test_the_schema_goes_as_response_format_where_the_provider_takes_it() -> None:
    model = Chatty()
    LangChainChat(model, "chatty-1", schema="response_format").reply(_SCHEMA)
    form = {"name": "reply", "schema": {"type": "object"}, "strict": True}
    assert model.seen[0][1] == {"response_format": {"type": "json_schema", "json_schema": form}}
    assert model.seen[0][0][0].content == "Be brief."


def test_the_card_tells_parameters_and_no_secret() -> None:
    card = LangChainChat(Chatty(temperature=0.0), "chatty-1").card
    assert card["name"] == "chatty-1"
    assert card["class"].endswith("Chatty")
    assert card["parameters"] == {"_type": "chatty", "temperature": 0.0}
    assert LangChainChat(Chatty(), "chatty-1", parameters={"seed": 1}).card["parameters"] == {"seed": 1}


def test_a_secret_inside_of_a_parameter_is_not_told_either() -> None:
    body = {"Api-Key": "sk-secret", "routes": [{"authorization": "sk-secret", "order": 1}], "max_tokens": 3}
    card = LangChainChat(Chatty(more={"extra_body": body, "hf_token": "sk-secret"}), "fake-1").card
    assert "sk-secret" not in str(card)
    assert card["parameters"]["extra_body"] == {"routes": [{"order": 1}], "max_tokens": 3}


def test_a_failing_model_is_named_by_class_and_status_and_keeps_its_secret() -> None:
    with pytest.raises(ModelError, match=r"^RefusedError \(401\)$") as caught:
        LangChainChat(Chatty(fails=RefusedError()), "chatty-1").reply(_ASK)
    assert isinstance(caught.value.__cause__, RefusedError)


def test_an_unknown_way_for_the_schema_is_refused() -> None:
    with pytest.raises(ConfigError, match="schema must be 'prompt' or 'response_format', got 'tools'"):
        LangChainChat(Chatty(), "chatty-1", schema="tools")  # type: ignore[arg-type]


@pytest.fixture
def langsmith(monkeypatch: pytest.MonkeyPatch, socket_enabled: None) -> Iterator[LoopbackServer]:
    """An environment that asks LangChain to send every prompt to LangSmith, which listens here."""
    with LoopbackServer(lambda _: Answer(body={})) as server:
        for name in ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2"):
            monkeypatch.setenv(name, "true")
        for name, value in {"API_KEY": "lsv2_x", "ENDPOINT": server.url}.items():
            monkeypatch.setenv(f"LANGSMITH_{name}", value)
        get_env_var.cache_clear()
        yield server
    get_env_var.cache_clear()


def test_no_question_goes_to_langsmith_because_a_variable_is_set(langsmith: LoopbackServer) -> None:
    assert tracing_is_enabled() is True
    assert LangChainChat(Chatty(), "chatty-1").reply(_ASK).text == "fine"
    wait_for_all_tracers()
    assert langsmith.requests == []
    assert tracing_is_enabled() is True


def test_a_rendered_prompt_is_asked_as_plain_messages() -> None:
    rendered = [SystemMessage("Be brief."), HumanMessage("Hi"), AIMessage("Yes?")]
    assert plain_messages(rendered) == _ASK.messages


@pytest.mark.parametrize(
    "message",
    [
        ToolMessage("3", tool_call_id="c1"),
        HumanMessage([{"type": "text", "text": "Hi"}]),
        AIMessage("", tool_calls=[{"name": "add", "args": {}, "id": "c1", "type": "tool_call"}]),
    ],
)
def test_a_message_that_is_more_than_text_is_refused(message: BaseMessage) -> None:
    with pytest.raises(InputError, match="that is more than text cannot be asked here: expected turns of"):
        plain_messages([message])
