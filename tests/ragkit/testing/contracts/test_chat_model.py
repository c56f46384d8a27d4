from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from ragkit.errors import ModelUnavailableError
from ragkit.testing.contracts.chat_model import ChatModelContract
from ragkit.testing.scripted_chat import ScriptedChatModel

SAID = "Waves come and go, and the water is salt."


def down(_: Any) -> Exception:
    return ModelUnavailableError("the server is down: try again later.", status=503)


class TestScriptedChatModel(ChatModelContract):
    kind: type[ScriptedChatModel] = ScriptedChatModel

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return self.kind

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"script": lambda _: SAID}

    @pytest.fixture
    def failing_model(self) -> BaseChatModel | None:
        return self.kind(down)

    @property
    def secret(self) -> str | None:
        return "salt"  # the script is what it does not show


class TellsNoUsage(ScriptedChatModel):
    def _generate(self, *arguments: Any, **keywords: Any) -> ChatResult:
        result = super()._generate(*arguments, **keywords)
        assert isinstance(result.generations[0].message, AIMessage)
        result.generations[0].message.usage_metadata = None
        return result


class TellsNoEnd(ScriptedChatModel):
    def _finished(self, reply: AIMessage, messages: Any) -> AIMessage:
        return super()._finished(reply, messages).model_copy(update={"response_metadata": {}})


class StreamsAtOnce(ScriptedChatModel):
    def __init__(self, script: Any, **options: Any) -> None:
        super().__init__(script, **{**options, "cut": lambda text: [text]})


class ForgetsUsageOfStreams(ScriptedChatModel):
    def _stream(self, *arguments: Any, **keywords: Any) -> Iterator[ChatGenerationChunk]:
        for chunk in super()._stream(*arguments, **keywords):
            yield ChatGenerationChunk(message=chunk.message.model_copy(update={"usage_metadata": None}))


class HasATwinOfItsOwn(ScriptedChatModel):
    async def _agenerate(self, *arguments: Any, **keywords: Any) -> ChatResult:
        result = await super()._agenerate(*arguments, **keywords)
        result.generations[0].message.content = "async"
        return result


class IgnoresStops(ScriptedChatModel):
    def _steps(self, messages: Any, stop: Any, keywords: Any, streamed: bool) -> Any:
        return super()._steps(messages, None, keywords, streamed)


class LeavesThreads(ScriptedChatModel):
    def _stream(self, *arguments: Any, **keywords: Any) -> Iterator[ChatGenerationChunk]:
        done = threading.Event()
        threading.Thread(target=done.wait, args=(30,), daemon=True).start()
        yield from super()._stream(*arguments, **keywords)
        done.set()


class ChangesMessages(ScriptedChatModel):
    def _generate(self, messages: list[BaseMessage], *arguments: Any, **keywords: Any) -> ChatResult:
        messages[0].content = "Be bad."
        return super()._generate(messages, *arguments, **keywords)


class RepeatsTheQuestion(ScriptedChatModel):
    def __init__(self, script: Any, **options: Any) -> None:
        said = script if script is down else lambda messages: f"{messages[-1].text} {SAID}"
        super().__init__(said, **options)


class HoldsOneCaller(ScriptedChatModel):
    def _generate(self, *arguments: Any, **keywords: Any) -> ChatResult:
        held = _BUSY.acquire(blocking=False)
        try:
            time.sleep(0.01)
            result = super()._generate(*arguments, **keywords)
        finally:
            if held:
                _BUSY.release()
        if not held:
            result.generations[0].message.content = "busy"
        return result


_BUSY = threading.Lock()


class FailsInItsOwnWay(ScriptedChatModel):
    def __init__(self, script: Any, **options: Any) -> None:
        super().__init__((lambda _: ConnectionError("down")) if script is down else script, **options)


class TellsThePrompt(ScriptedChatModel):
    def __init__(self, script: Any, **options: Any) -> None:
        def fail(messages: Any) -> Exception:
            return ModelUnavailableError(f"no answer to {messages[-1].text}")

        super().__init__(fail if script is down else script, **options)


class ShowsItsScript(ScriptedChatModel):
    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"script": self.script([])} if self.script is not down else {}


BROKEN: list[tuple[type[ScriptedChatModel], set[str]]] = [
    (TellsNoUsage, {"test_usage_is_told_and_adds_up", "test_a_stream_tells_the_same_usage_and_end"}),
    (TellsNoEnd, {"test_the_end_tells_why_and_who"}),
    (StreamsAtOnce, {"test_a_stream_comes_in_pieces_that_join_to_the_reply"}),
    (ForgetsUsageOfStreams, {"test_a_stream_tells_the_same_usage_and_end"}),
    (HasATwinOfItsOwn, {"test_async_gives_the_same"}),
    (IgnoresStops, {"test_a_stop_string_ends_the_reply_and_is_no_part_of_it"}),
    (LeavesThreads, {"test_leaving_a_stream_ends_it"}),
    (ChangesMessages, {"test_messages_are_not_changed"}),
    (RepeatsTheQuestion, {"test_the_question_is_not_part_of_the_reply"}),
    (HoldsOneCaller, {"test_callers_at_once_get_the_same"}),
    (FailsInItsOwnWay, {"test_errors_are_ragkit_errors_without_the_prompt"}),
    (TellsThePrompt, {"test_errors_are_ragkit_errors_without_the_prompt"}),
    (ShowsItsScript, {"test_no_secret_shows"}),
]


def test_every_promise_has_a_model_that_breaks_it(promises: Any) -> None:
    assert sorted(set().union(*(broken for _, broken in BROKEN))) == promises(ChatModelContract)


@pytest.mark.parametrize(("kind", "broken"), BROKEN, ids=[kind.__name__ for kind, _ in BROKEN])
def test_a_model_that_breaks_a_promise_fails_its_test(
    kind: type[ScriptedChatModel], broken: set[str], monkeypatch: pytest.MonkeyPatch, broken_promises: Any
) -> None:
    monkeypatch.setattr("ragkit.testing.contracts.chat_model._PATIENCE_S", 0.2)

    def suite() -> TestScriptedChatModel:
        made = TestScriptedChatModel()
        made.kind = kind
        return made

    made = {"model": lambda it: kind(**it.chat_model_params), "failing_model": lambda _: kind(down)}
    assert broken_promises(suite, ChatModelContract, made) == broken


class TestWithoutAKey(ChatModelContract):
    """Nothing to fail and nothing to hide."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ScriptedChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"script": lambda _: SAID}
