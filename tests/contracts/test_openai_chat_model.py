"""`OpenAIChatModel` passes the suites of langchain-tests. Who answers, test by test:

`TestUnit` (8 of 10 pass, 2 are skipped): nobody; nothing is sent.

`TestRecorded` (17 of 50), a recording of `transformers serve` with the model that
`tests/ragkit/models/openai/recordings/small_model.py` trains (`record.py` beside it records this file too):

    test_invoke, test_ainvoke, test_stream, test_astream (each chunk form), test_stream_events_v3,
    test_astream_events_v3, test_batch, test_abatch, test_conversation, test_double_messages_conversation,
    test_usage_metadata, test_usage_metadata_streaming, test_stop_sequence, test_message_with_name

`TestScripted` (48 of 50), the server of this file, which reads a request as OpenAI would and answers by its form: the
same tests, and what the recorded server cannot do (it ignores `tool_choice` and `response_format`, and has one model):

    test_*_with_model_override, test_tool_calling, test_tool_calling_async, test_tool_calling_with_no_arguments,
    test_bind_runnables_as_tools, test_tool_choice, test_tool_message_*, test_structured_few_shot_examples,
    test_structured_output*, test_json_mode, test_agent_loop, test_unicode_tool_call_integration, test_*_inputs,
    test_image_tool_message, test_pdf_tool_message

`TestScriptedResponses` (24 of 50): the same server asked by the Responses API, for what needs no tools.

A shared exchange with OpenAI itself stands behind none of these tests, whose questions nobody recorded, but behind what
they are about: `tests/ragkit/models/openai/test_shared_exchanges.py` serves 119 of its own replies again, whole and
streamed, with tool calls and the turns after them, JSON schemas, pictures, refusals, cached and reasoning tokens, and
errors.

Skipped besides what is said above: test_init_from_env (nothing is read from the environment), test_serdes (no model is
loaded from a file), test_stream_time (a benchmark), test_pdf_tool_message (Chat Completions have no such message).
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from fnmatch import fnmatch
from typing import Any

import httpx
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from ragkit.models import OpenAIChatModel
from ragkit.testing.openai_replies import chat_chunk, chat_reply, response_events, response_reply, sse_reply
from ragkit.testing.servers import Answer, Asked, LoopbackServer

SPOKEN = "Hello from a server that reads its requests."
CACHED = {"prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 3}}
USAGE = {"prompt_tokens": 12, "completion_tokens": 8, "total_tokens": 20, **CACHED}


def test_the_table_above_names_every_test_of_the_suite() -> None:
    suite = {name for name in dir(ChatModelIntegrationTests) if name.startswith("test_")}
    named = re.findall(r"\btest_[\w*]+", str(__doc__))
    missing = {name for name in suite if not any(fnmatch(name, pattern) for pattern in named)}
    assert missing == {"test_no_overrides_DO_NOT_OVERRIDE"}  # asks nobody


class Closed:
    """Closes the connections of each model; the suite lets them lie."""

    @pytest.fixture
    async def model(self: Any, request: pytest.FixtureRequest) -> AsyncIterator[BaseChatModel]:
        params = {
            **self.standard_chat_model_params,
            **self.chat_model_params,
            **(getattr(request, "param", None) or {}),
        }
        made = self.chat_model_class(**params)
        yield made
        await made.aclose()


class TestUnit(ChatModelUnitTests):
    """Nobody is asked."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return OpenAIChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "gpt-4.1-mini", "base_url": "http://127.0.0.1:9/v1"}


@pytest.mark.ragkit_cassette
class TestRecorded(Closed, ChatModelIntegrationTests):
    """`transformers serve`, recorded."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return OpenAIChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "small-chat", "base_url": "http://127.0.0.1:8765/v1"}

    @property
    def has_tool_calling(self) -> bool:
        return False  # the server ignores tool_choice

    @property
    def has_structured_output(self) -> bool:
        return False  # the server ignores response_format


# langchain-openai warns of its own doings: of a schema of old pydantic, of a file without a name.
@pytest.mark.filterwarnings("ignore:Received a Pydantic BaseModel V1 schema")
@pytest.mark.filterwarnings("ignore:OpenAI may require a filename for file uploads")
@pytest.mark.usefixtures("socket_enabled")
class TestScripted(Closed, ChatModelIntegrationTests):
    """The server below, asked for chat completions."""

    server: LoopbackServer

    @pytest.fixture(autouse=True)
    def _served(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "ragkit")
        # The suite fetches a picture, a sound and a PDF from the web before it asks the model.
        monkeypatch.setattr(httpx, "get", lambda url, **_: httpx.Response(200, content=b"some bytes"))
        with LoopbackServer(answer) as server:
            type(self).server = server
            yield

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return OpenAIChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "scripted", "base_url": self.server.url, "api_key": "sk-not-a-real-key-000"}

    @property
    def model_override_value(self) -> str:
        return "another-model"

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def supports_audio_inputs(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def supported_usage_metadata_details(self) -> Any:
        details = ["reasoning_output", "cache_read_input"]
        return {"invoke": details, "stream": details}

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        return self._said(stream=stream)

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        return self._said(stream=stream)

    def _said(self, *, stream: bool) -> AIMessage:
        model = self.chat_model_class(**self.chat_model_params)
        if not stream:
            return model.invoke("Hello")
        first, *others = list(model.stream("Hello"))
        return sum(others, start=first)


class TestScriptedResponses(TestScripted):
    """The server below, asked for Responses; it calls no tools then."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**super().chat_model_params, "use_responses_api": True}

    @property
    def has_tool_calling(self) -> bool:
        return False

    @property
    def has_structured_output(self) -> bool:
        return False

    @property
    def supports_json_mode(self) -> bool:
        return False

    @property
    def supports_image_tool_message(self) -> bool:
        return False

    @property
    def supports_anthropic_inputs(self) -> bool:
        return False

    @property
    def supported_usage_metadata_details(self) -> Any:
        return {"invoke": [], "stream": []}


def answer(asked: Asked) -> Answer:
    """Answer as the path and the request want it."""
    if not asked.path.endswith("/responses"):
        return completion(asked)
    said = asked.json
    if said.get("stream"):
        return sse_reply(response_events(re.findall(r"\S+\s*", SPOKEN), model=said["model"]), done=False)
    return response_reply(SPOKEN, model=said["model"])


def completion(asked: Asked) -> Answer:
    """Answer a chat completion as its request wants: a tool call, JSON by a schema, or words."""
    said = asked.json
    call = _call(said)
    text = None if call else _text(said)
    if said.get("stream"):
        return sse_reply(_chunks(said["model"], text, call))
    message = {"tool_calls": [call]} if call else {}
    whole = chat_reply(text, usage=None, **message)
    return Answer(body={**whole.body, "model": said["model"], "usage": USAGE})


def _call(said: Mapping[str, Any]) -> dict[str, Any] | None:
    """Call the tool that was chosen, or the first one; not where a tool has just been heard."""
    if not said.get("tools") or said.get("tool_choice") == "none" or said["messages"][-1]["role"] == "tool":
        return None
    tools = {tool["function"]["name"]: tool["function"] for tool in said["tools"]}
    choice = said.get("tool_choice")
    name = choice["function"]["name"] if isinstance(choice, dict) else next(iter(tools))
    arguments = _filled(tools[name]["parameters"], _asked(said))
    function = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
    return {"id": "call_1", "type": "function", "function": function}


def _text(said: Mapping[str, Any]) -> str:
    form = said.get("response_format", {"type": "text"})
    if form["type"] == "json_schema":
        return json.dumps(_filled(form["json_schema"]["schema"], _asked(said)))
    if form["type"] == "json_object":
        return json.dumps({"setup": "Why?", "punchline": "Because."})
    return SPOKEN


def _asked(said: Mapping[str, Any]) -> str:
    return json.dumps(said["messages"][-1]["content"], ensure_ascii=False)


def _filled(schema: Mapping[str, Any], asked: str) -> Any:
    """Make the least that a schema allows: what was quoted in the question, and the number of the suite."""
    if "anyOf" in schema:
        return _filled(schema["anyOf"][0], asked)
    kind = schema.get("type")
    if kind == "object":
        return {name: _filled(part, asked) for name, part in schema.get("properties", {}).items()}
    if kind == "integer":
        return 3
    quoted = re.search(r"'(.+?)'", asked)
    return quoted[1] if quoted else "something"


def _chunks(model: str, text: str | None, call: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """Stream it: words in pieces, a call's name before its arguments, usage last."""
    yield chat_chunk({"role": "assistant", "content": None if call else ""}, model=model)
    for word in re.findall(r"\S+\s*", text or ""):
        yield chat_chunk({"content": word}, model=model)
    if call:
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        opening = {**call, "index": 0, "function": {"name": name, "arguments": ""}}
        yield chat_chunk({"tool_calls": [opening]}, model=model)
        for piece in (arguments[:3], arguments[3:]):
            yield chat_chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}, model=model)
    yield chat_chunk({}, finish="tool_calls" if call else "stop", model=model)
    yield chat_chunk(None, model=model, usage=USAGE)
