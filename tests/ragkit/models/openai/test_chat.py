"""What is sent, what comes back, and what the constructor takes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import certifi
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage, trim_messages
from langchain_core.runnables import ConfigurableField

from ragkit.errors import ConfigError, InputError, ModelUnavailableError
from ragkit.models import OpenAIChatModel
from ragkit.remote.policy import RetryPolicy
from ragkit.testing.openai_replies import chat_reply, error_reply, response_reply, stream_reply

Ask = Callable[..., Any]
LOCAL = {"model": "m", "base_url": "http://127.0.0.1:9/v1"}


def test_a_question_is_sent_and_its_answer_read(ask: Ask) -> None:
    model, server = ask(chat_reply("fine", usage=(30, 2)), temperature=0.5, max_tokens=9, stop=["x"], seed=3)
    message = model.invoke([SystemMessage("be brief"), HumanMessage("q")])
    assert message.text == "fine"
    assert message.usage_metadata["total_tokens"] == 32
    assert message.response_metadata["finish_reason"] == "stop"
    assert message.response_metadata["model_name"] == "scripted"
    sent = server.requests[0].json
    assert sent["messages"] == [{"role": "system", "content": "be brief"}, {"role": "user", "content": "q"}]
    assert (sent["model"], sent["temperature"], sent["max_completion_tokens"]) == ("gpt-4o", 0.5, 9)
    assert (sent["stop"], sent["seed"]) == (["x"], 3)


async def test_usage_that_is_left_out_is_counted_and_marked(ask: Ask) -> None:
    model, _ = ask(*[chat_reply("fine words", usage=None)] * 2)
    for message in (model.invoke("q"), await model.ainvoke("q")):
        assert message.usage_metadata["output_tokens"] == model.get_num_tokens("fine words")
        assert message.usage_metadata["input_tokens"] == model.get_num_tokens_from_messages([HumanMessage("q")])
        assert message.response_metadata["estimated"] is True
    await model.aclose()
    quiet, _ = ask(response_reply("fine words", usage=None), use_responses_api=True)
    assert quiet.invoke("q").response_metadata["estimated"] is True


def test_usage_that_is_told_is_not_marked(ask: Ask) -> None:
    model, _ = ask(response_reply("fine", usage=(5, 1)), use_responses_api=True)
    message = model.invoke("q")
    assert message.usage_metadata["total_tokens"] == 6
    assert "estimated" not in message.response_metadata


def test_offered_tools_are_counted_with_the_prompt(ask: Ask) -> None:
    tool = {"type": "function", "function": {"name": "weather", "description": "tells " * 50, "parameters": {}}}
    model, _ = ask(*[chat_reply("fine", usage=None)] * 2)
    plain = model.invoke("q").usage_metadata["input_tokens"]
    assert model.bind_tools([tool]).invoke("q").usage_metadata["input_tokens"] > plain + 50


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_a_reply_that_was_cut_says_so(ask: Ask, reason: str) -> None:
    model, _ = ask(chat_reply("fi", finish_reason=reason))
    assert model.invoke("q").response_metadata["finish_reason"] == reason


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "stop"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        ({"status": "cancelled"}, "cancelled"),
    ],
)
def test_a_response_tells_why_it_ended_in_the_same_words(ask: Ask, fields: dict[str, Any], reason: str) -> None:
    model, _ = ask(response_reply("fi", **fields), use_responses_api=True)
    assert model.invoke("q").response_metadata["finish_reason"] == reason


def test_refusals_lie_in_one_place_for_both_apis(ask: Ask) -> None:
    chat, _ = ask(chat_reply(None, refusal="I can't."))
    assert chat.invoke("q").additional_kwargs["refusal"] == "I can't."
    responses, _ = ask(response_reply("I can't.", kind="refusal"), use_responses_api=True)
    assert responses.invoke("q").additional_kwargs["refusal"] == "I can't."


def test_a_response_that_failed_is_an_error(ask: Ask) -> None:
    failed = response_reply(None, status="failed", error={"code": "server_error", "message": "it broke"})
    model, server = ask(*[failed] * 2, use_responses_api=True, max_retries=1)
    with pytest.raises(ModelUnavailableError, match=r"the server says: it broke \(server_error\)"):
        model.invoke("q")
    assert len(server.requests) == 2


def test_calls_and_their_results_go_back_and_forth(ask: Ask) -> None:
    call = {"id": "c0", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Brno"}'}}
    bad = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{city"}}
    model, server = ask(chat_reply(None, tool_calls=[call, call | {"id": "c2"}, bad]), chat_reply("sunny"))
    message = model.invoke("q")
    assert [(made["name"], made["args"], made["id"]) for made in message.tool_calls] == [
        ("weather", {"city": "Brno"}, "c0"),
        ("weather", {"city": "Brno"}, "c2"),
    ]
    assert [made["id"] for made in message.invalid_tool_calls] == ["c1"]
    assert message.response_metadata["finish_reason"] == "tool_calls"
    answer = AIMessage("", tool_calls=message.tool_calls[:1])
    assert model.invoke([HumanMessage("q"), answer, ToolMessage("sun", tool_call_id="c0")]).text == "sunny"
    sent = server.requests[1].json["messages"]
    assert sent[1]["tool_calls"][0]["id"] == "c0"
    assert sent[2] == {"role": "tool", "tool_call_id": "c0", "content": "sun"}


def test_the_model_can_be_chosen_with_the_call(ask: Ask) -> None:
    model, server = ask(chat_reply("fine"), stream_reply(["fine"]))
    model.invoke("q", model="other")
    list(model.stream("q", model="other"))
    assert [asked.json["model"] for asked in server.requests] == ["other", "other"]


def test_what_tracers_are_told(ask: Ask) -> None:
    model, _ = ask(chat_reply("fine"), temperature=0.5, max_tokens=9, stop=["x"])
    told = model._get_ls_params()
    assert told["ls_provider"] == "openai"
    assert told["ls_model_name"] == "gpt-4o"
    assert (told["ls_temperature"], told["ls_max_tokens"], told["ls_stop"]) == (0.5, 9, ["x"])
    assert model._get_ls_params(model="other")["ls_model_name"] == "other"


def test_a_cache_tells_two_servers_apart() -> None:
    one = OpenAIChatModel(**LOCAL)
    two = OpenAIChatModel(**{**LOCAL, "base_url": "http://127.0.0.1:10/v1"})
    assert one._get_llm_string(stop=None) != two._get_llm_string(stop=None)
    assert one._get_llm_string(stop=None) == OpenAIChatModel(**LOCAL)._get_llm_string(stop=None)


def test_tokens_are_counted_without_a_network() -> None:
    model = OpenAIChatModel(**LOCAL)
    assert model.get_num_tokens("") == 0
    assert model.get_num_tokens("some words") >= 2
    long = [HumanMessage("word " * 500) for _ in range(20)]
    assert model.get_num_tokens_from_messages(long) > 20 * 500
    assert len(trim_messages(long, max_tokens=3000, token_counter=model)) < 20
    tool = {"type": "function", "function": {"name": "weather", "parameters": {}}}
    assert model.get_num_tokens_from_messages(long, tools=[tool]) > model.get_num_tokens_from_messages(long)
    with pytest.raises(InputError, match="token ids need the model's vocabulary"):
        model.get_token_ids("some words")
    assert OpenAIChatModel(**LOCAL, custom_get_token_ids=lambda text: [len(text)]).get_token_ids("ab") == [2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temprature": 1}, r"OpenAIChatModel has no option 'temprature': did you mean temperature\? What only"),
        ({"xyzzy": 1}, r"has no option 'xyzzy': What only the server knows goes into model_kwargs"),
        ({"model_kwargs": {"temperature": 1}}, "temperature is an option of its own: give it as temperature=..."),
        ({"http_client": object()}, "http_client cannot be given: use timeout, deadline_s, proxy and ca_file"),
        ({"client": object()}, "client cannot be given: the model makes its own clients"),
        ({"api_key": lambda: "x"}, "api_key must be text or SecretStr, not a function"),
        ({"base_url": "localhost:8000"}, "base_url must be like https://host/v1, got 'localhost:8000'"),
        ({"base_url": "http://[::1/v1"}, "base_url must be like https://host/v1"),
        ({"base_url": "http://user:pass@host/v1"}, "base_url holds a user's name or password"),
        ({"timeout": 0}, "timeout_s must be above 0, got 0"),
        ({"timeout": (0, 1)}, "connect_timeout_s must be above 0"),
        ({"timeout": "soon"}, "timeout"),
        ({"deadline_s": -1}, "deadline_s must be above 0"),
        ({"max_retries": -1}, "max_retries must be at least 0, got -1"),
        ({"max_reply_bytes": 0}, "max_reply_bytes must be above 0"),
        ({"n": 0}, "n must be at least 1, got 0"),
        ({"n": 2, "streaming": True}, "n must be 1 while streaming, got 2"),
        ({"api_key": "two\nlines"}, "api_key holds a character that no header can carry"),
        ({"default_headers": {"x-key": "a\r\nb"}}, "x-key holds a character that no header can carry"),
    ],
)
def test_an_option_that_does_not_fit_is_a_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        OpenAIChatModel(**{**LOCAL, **options})
    assert "\n" not in str(caught.value)


def test_a_model_has_no_default() -> None:
    with pytest.raises(ConfigError, match="model: Field required"):
        OpenAIChatModel(base_url="http://127.0.0.1:9/v1")


def test_what_the_server_alone_knows_is_sent(ask: Ask) -> None:
    model, server = ask(chat_reply("fine"), model_kwargs={"user": "u"}, extra_body={"top_k": 5})
    model.invoke("q")
    assert (server.requests[0].json["user"], server.requests[0].json["top_k"]) == ("u", 5)


def test_langchains_names_change_the_policy() -> None:
    assert OpenAIChatModel(**LOCAL)._policy == RetryPolicy(deadline_s=600.0)
    assert OpenAIChatModel(**LOCAL, max_retries=0)._policy == RetryPolicy(attempts=1, deadline_s=600.0)
    assert OpenAIChatModel(**LOCAL, deadline_s=None)._policy == RetryPolicy(deadline_s=None)
    own = RetryPolicy(attempts=2, deadline_s=9.0)
    assert OpenAIChatModel(**LOCAL, policy=own)._policy == own


@pytest.mark.parametrize(
    ("given", "connect_s", "wait_s"), [({}, 10.0, 120.0), ({"timeout": 5}, 5.0, 5.0), ({"timeout": (3, 60)}, 3.0, 60.0)]
)
def test_timeouts_reach_the_clients(given: dict[str, Any], connect_s: float, wait_s: float) -> None:
    model = OpenAIChatModel(**LOCAL, **given)
    for client in (model.root_client, model.root_async_client):
        assert (client.timeout.connect, client.timeout.read) == (connect_s, wait_s)


def test_no_name_of_the_environment_is_given_away_as_a_secret() -> None:
    assert OpenAIChatModel(**LOCAL).lc_secrets == {}
    assert not OpenAIChatModel.is_lc_serializable()


def test_openais_own_retries_are_off(ask: Ask) -> None:
    model, server = ask(*[error_reply(500, "oops")] * 5, max_retries=0)
    with pytest.raises(ModelUnavailableError, match="oops"):
        model.invoke("q")
    assert len(server.requests) == 1
    assert (model.root_client.max_retries, model.root_async_client.max_retries) == (0, 0)


def test_connections_are_used_again_and_closed(ask: Ask) -> None:
    model, server = ask(*[chat_reply("fine")] * 3)
    for _ in range(3):
        model.invoke("q")
    assert server.connections == 1
    model.close()
    with pytest.raises(RuntimeError, match="closed"):
        model.invoke("q")


def test_a_model_serves_event_loops_one_after_the_other(ask: Ask) -> None:
    """Each `asyncio.run` is a loop of its own, and a connection of an earlier one cannot be used in it."""
    model, _ = ask(*[chat_reply("fine")] * 3)

    assert [asyncio.run(model.ainvoke("q")).text for _ in range(3)] == ["fine"] * 3


async def test_many_callers_share_one_model(ask: Ask) -> None:
    model, server = ask(lambda _: chat_reply("fine"))
    assert [message.text for message in await model.abatch(["q"] * 8)] == ["fine"] * 8
    assert [message.text for message in model.batch(["q"] * 8)] == ["fine"] * 8
    assert len(server.requests) == 16
    await model.aclose()


def test_configured_and_copied_models_work(ask: Ask) -> None:
    model, server = ask(*[chat_reply("fine")] * 3)
    field = ConfigurableField(id="heat")
    configured = model.configurable_fields(temperature=field).with_config(configurable={"heat": 0.25})
    assert configured.invoke("q").text == "fine"
    assert model.model_copy(update={"temperature": 0.75}).invoke("q").text == "fine"
    assert [asked.json.get("temperature") for asked in server.requests] == [0.25, 0.75]


def test_authorities_can_be_named(tmp_path: Path) -> None:
    model = OpenAIChatModel(**{**LOCAL, "base_url": "https://127.0.0.1:9/v1"}, ca_file=Path(certifi.where()))
    assert model.ca_file == Path(certifi.where())
    with pytest.raises(ConfigError, match=r"ca_file .*none.pem cannot be read as certificates in PEM"):
        OpenAIChatModel(**{**LOCAL, "base_url": "https://127.0.0.1:9/v1"}, ca_file=tmp_path / "none.pem")


def test_a_proxy_is_used_only_when_named(ask: Ask) -> None:
    _, server = ask(chat_reply("through"))
    through = OpenAIChatModel(model="m", base_url="http://nowhere.invalid/v1", proxy=server.url.removesuffix("/v1"))
    assert through.invoke("q").text == "through"
    assert server.requests[0].path == "http://nowhere.invalid/v1/chat/completions"
    through.close()


def test_importing_models_loads_neither_openai_nor_langchain_openai() -> None:
    program = (
        "import sys, ragkit, ragkit.models; print([m for m in ('openai', 'langchain_openai') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_missing_package_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['openai'] = None\n"
        "from ragkit.errors import MissingExtraError\n"
        "try:\n    from ragkit.models import OpenAIChatModel\n"
        "except MissingExtraError as error: print(error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "OpenAIChatModel needs openai: pip install 'ragkit[openai]'"
