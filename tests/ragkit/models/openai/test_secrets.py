"""Keys are sent to the server and shown nowhere; nothing is taken from the environment."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from inspect import isawaitable
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumpd, dumps
from pydantic import SecretStr

from ragkit.errors import ConfigError, ModelError
from ragkit.models import OpenAIChatModel
from ragkit.testing.openai_replies import chat_reply, error_reply, response_reply, sse_reply, stream_reply
from ragkit.testing.servers import Answer, LoopbackServer

Ask = Callable[..., Any]
KEY = "sk-test-Ab3dEf6hIj9kLmNoPqRsTuVwXyZ"
SECOND = "second-secret-0123456789"
POISON = {
    "OPENAI_API_KEY": "sk-poison",
    "OPENAI_ADMIN_KEY": "sk-poison",
    "OPENAI_API_BASE": "http://poison.invalid/v1",
    "OPENAI_BASE_URL": "http://poison.invalid/v1",
    "OPENAI_ORG_ID": "org-poison",
    "OPENAI_ORGANIZATION": "org-poison",
    "OPENAI_PROJECT_ID": "proj-poison",
    "OPENAI_PROXY": "http://poison.invalid:1",
    "OPENAI_CUSTOM_HEADERS": "x-poison: poison\nAuthorization: Bearer poison",
    "OPENAI_WEBHOOK_SECRET": "poison",
    "OPENAI_API_TYPE": "poison",
    "OPENAI_API_VERSION": "poison",
    "AZURE_OPENAI_ENDPOINT": "http://poison.invalid",
    "HTTP_PROXY": "http://poison.invalid:1",
    "HTTPS_PROXY": "http://poison.invalid:1",
    "ALL_PROXY": "http://poison.invalid:1",
    "SSL_CERT_FILE": "/poison/poison.pem",
    "SSL_CERT_DIR": "/poison",
    "NETRC": "/poison",
    "LC_OUTPUT_VERSION": "v1",
    "LANGCHAIN_OPENAI_STREAM_CHUNK_TIMEOUT_S": "-1",
    "LANGCHAIN_OPENAI_TCP_KEEPALIVE": "poison",
    "LANGSMITH_GATEWAY": "http://poison.invalid",
    "LANGSMITH_GATEWAY_API_KEY": "lsv2_poison",
    "TIKTOKEN_CACHE_DIR": "/poison",
}


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in POISON.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.lower(), value)


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("responses", [False, True])
async def test_nothing_of_the_environment_reaches_the_server(ask: Ask, responses: bool) -> None:
    answer = response_reply("fine") if responses else chat_reply("fine")
    model, server = ask(answer, answer, use_responses_api=responses)
    assert model.invoke("q").text == (await model.ainvoke("q")).text == "fine"
    assert len(server.requests) == 2
    for asked in server.requests:
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        assert "poison" not in json.dumps(dict(asked.headers)) + asked.path + asked.body.decode()
        assert not {"openai-organization", "openai-project"} & asked.headers.keys()
    assert model.output_version is None
    await model.aclose()


@pytest.mark.usefixtures("poisoned")
def test_a_server_without_a_key_is_sent_none(ask: Ask) -> None:
    model, server = ask(chat_reply("fine"), api_key=None)
    assert model.invoke("q").text == "fine"
    assert "authorization" not in server.requests[0].headers


@pytest.mark.usefixtures("poisoned")
def test_openai_itself_needs_a_key_that_is_given() -> None:
    with pytest.raises(ConfigError, match=r"^OpenAI needs a key: pass api_key=..., or base_url=..."):
        OpenAIChatModel(model="gpt-4o")


def secretive(ask: Ask, *answers: Answer) -> tuple[OpenAIChatModel, LoopbackServer]:
    made: tuple[OpenAIChatModel, LoopbackServer] = ask(
        *(answers or [chat_reply("fine")]),
        organization="org-secret",
        default_headers={"x-api-key": SECOND},
        default_query={"key": SECOND},
    )
    return made


def test_what_is_given_is_sent(ask: Ask) -> None:
    model, server = secretive(ask)
    model.invoke("q")
    asked = server.requests[0]
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert (asked.headers["x-api-key"], asked.headers["openai-organization"]) == (SECOND, "org-secret")
    assert asked.path == f"/v1/chat/completions?key={SECOND}"
    project, server = ask(chat_reply("fine"), project="proj-1")
    project.invoke("q")
    assert server.requests[0].headers["openai-project"] == "proj-1"


def test_a_key_in_a_header_is_left_out_of_errors_too(ask: Ask) -> None:
    model, _ = secretive(ask, error_reply(401, f"bad key {SECOND}"))
    with pytest.raises(ModelError, match=r"bad key \[key\]") as caught:
        model.invoke("q")
    assert SECOND not in str(caught.value)


@pytest.mark.parametrize("where", ["extra_headers", "extra_query"])
def test_a_key_that_is_given_with_the_call_is_left_out_of_errors_too(ask: Ask, where: str) -> None:
    answer = error_reply(401, f"bad key {SECOND}")
    model, _ = ask(answer)
    with pytest.raises(ModelError, match=r"bad key \[key\]"):
        model.invoke("q", **{where: {"x-api-key": SECOND}})
    model, _ = ask(answer, model_kwargs={where: {"x-api-key": SECOND}})
    with pytest.raises(ModelError, match=r"bad key \[key\]"):
        model.invoke("q")


def test_no_form_of_the_model_shows_a_key(ask: Ask) -> None:
    model, _ = secretive(ask)
    bound = model.bind_tools([]).bind(stop=["x"])
    shown = [
        repr(model),
        str(model),
        f"{model!r}",
        repr(bound),
        str(model.model_dump()),
        json.dumps(dumpd(model)),
        dumps(model),
        str(model._identifying_params),
        str(model._get_invocation_params()),
        str(model._get_ls_params()),
        str(model._get_llm_string(stop=None)),
        str(model.to_json()),
        repr(model.model_copy()),
        repr(model.client),
        repr(model.root_client),
    ]
    for text in shown:
        assert KEY not in text
        assert SECOND not in text
    assert dumpd(model)["type"] == "not_implemented"
    assert isinstance(model.openai_api_key, SecretStr)


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": KEY},
        {"api_key": KEY + "\n"},
        {"api_key": [KEY]},
        {"base_url": f"http://user:{SECOND}@host/v1"},
        {"base_url": f"http://host/v1?key={SECOND}"},
        {"proxy": f"user:{SECOND}@host:80"},
    ],
)
def test_no_error_of_construction_shows_a_key(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        OpenAIChatModel(**{"model": "m", "base_url": "http://127.0.0.1:9/v1", **options})
    told = "".join(traceback.format_exception(caught.value))
    assert KEY not in told
    assert SECOND not in told


async def _result(call: Callable[[str], Any], question: str) -> Any:
    made = call(question)
    return await made if isawaitable(made) else made


@pytest.mark.parametrize("status", [400, 401, 429, 500, 200])
async def test_no_error_of_a_call_nor_anything_chained_to_it_shows_or_holds_a_key(ask: Ask, status: int) -> None:
    said = f"Bad key {KEY} in header Authorization: Bearer {KEY}, also {KEY[:14]}"
    answer = error_reply(status, said) if status >= 400 else Answer(body=f"<html>{said}</html>")
    model, _ = ask(*[answer] * 4, max_retries=0)
    for call in (model.invoke, model.ainvoke, lambda q: list(model.stream(q)), lambda q: anext(model.astream(q))):
        with pytest.raises(ModelError) as caught:
            await _result(call, "q")
        told = "".join(traceback.format_exception(caught.value, chain=True))
        assert KEY not in told
        assert KEY[:14] not in told
        link: BaseException | None = caught.value
        while link is not None:
            assert isinstance(link, ModelError)
            assert not vars(link).keys() & {"request", "response", "body"}
            link = link.__cause__ or link.__context__
    await model.aclose()


async def test_no_log_shows_a_key_or_a_question_even_where_openai_log_is_debug(
    ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("openai", "httpx2", "httpcore2", "httpcore2.http11", "langchain_openai"):
        caplog.set_level(logging.DEBUG, logger=name)
    model, _ = ask(
        error_reply(503, "busy"), chat_reply("fine"), stream_reply(["fine"]), chat_reply("fine"), error_reply(401, KEY)
    )
    model.invoke("THE QUESTION")
    list(model.stream("THE QUESTION"))
    await model.ainvoke("THE QUESTION")
    with pytest.raises(ModelError):
        model.invoke("THE QUESTION")
    await model.aclose()
    assert {"httpcore2", "openai"} <= {record.name.split(".")[0] for record in caplog.records}
    assert KEY not in caplog.text
    assert "THE QUESTION" not in caplog.text


async def test_callbacks_are_told_our_error(ask: Ask) -> None:
    class Notes(BaseCallbackHandler):
        errors: list[BaseException] = []  # noqa: RUF012  # of one test

        def on_llm_error(self, error: BaseException, **_: Any) -> None:
            self.errors.append(error)

    notes = Notes()
    model, _ = ask(error_reply(401, KEY), sse_reply([{"error": {"message": KEY, "code": "invalid_api_key"}}]))
    with pytest.raises(ModelError):
        model.invoke("q", config={"callbacks": [notes]})
    with pytest.raises(ModelError):
        list(model.stream("q", config={"callbacks": [notes]}))
    assert [type(error).__name__ for error in notes.errors] == ["ModelAccessError", "ModelAccessError"]
    assert KEY not in str(notes.errors)
