"""`ChatModelContract`: what a chat model promises its users."""

# ruff: noqa: S101  # a suite is made of asserts

from __future__ import annotations

import threading
import time

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage
from langchain_core.messages.ai import add_ai_message_chunks

from ragkit._optional import require
from ragkit.errors import RagkitError
from ragkit.testing.contracts.promises import at_once, kept

with require(feature="ChatModelContract", package="langchain_tests", extra="testing"):
    import pytest
    from langchain_tests.unit_tests.chat_models import ChatModelTests

__all__ = ["ChatModelContract"]

_PATIENCE_S = 60.0


class ChatModelContract(ChatModelTests):
    """Promises about usage, streams, stop strings, errors, callers at once and what is handed in.

    A subclass gives `chat_model_class` and `chat_model_params` of a model that answers `question` the same each time,
    with three words or more. Subclass `ChatModelUnitTests` with the same properties for LangChain's own suite.
    """

    @property
    def question(self) -> str:
        """What is asked."""
        return "Say a few words about the sea."

    @pytest.fixture
    def failing_model(self) -> BaseChatModel | None:
        """Give a model whose calls fail, as with a server that is down; None where there is no such thing."""
        return None

    @property
    def secret(self) -> str | None:
        """The key that the model was given; None where it has none."""
        return None

    def test_usage_is_told_and_adds_up(self, model: BaseChatModel) -> None:
        """Input, output and their sum, all above 0."""
        usage = self._reply(model).usage_metadata
        assert usage is not None, "the reply has no usage_metadata"
        assert usage["input_tokens"] > 0
        assert usage["output_tokens"] > 0
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]

    def test_the_end_tells_why_and_who(self, model: BaseChatModel) -> None:
        """`finish_reason` and `model_name` stand in `response_metadata`."""
        told = self._reply(model).response_metadata
        assert told.get("finish_reason") in {"stop", "length", "tool_calls"}, told
        assert told.get("model_name"), told

    def test_a_stream_comes_in_pieces_that_join_to_the_reply(self, model: BaseChatModel) -> None:
        """Text and tool calls are those of `invoke`."""
        pieces = self._pieces(model)
        reply = self._reply(model)
        joined = add_ai_message_chunks(*pieces)
        assert len([piece for piece in pieces if piece.content]) > 1, "the stream is one piece"
        assert joined.content == reply.content
        assert [call["args"] for call in joined.tool_calls] == [call["args"] for call in reply.tool_calls]

    def test_a_stream_tells_the_same_usage_and_end(self, model: BaseChatModel) -> None:
        """Added up over its pieces, the tokens are those of `invoke`; the finish reason too."""
        joined, reply = add_ai_message_chunks(*self._pieces(model)), self._reply(model)
        assert _tokens(joined) == _tokens(reply)  # what a cache spared may differ
        assert joined.response_metadata.get("finish_reason") == reply.response_metadata.get("finish_reason")

    async def test_async_gives_the_same(self, model: BaseChatModel) -> None:
        """Whole and as a stream."""
        reply = self._reply(model)
        assert (await model.ainvoke(self._messages())).content == reply.content
        pieces = [piece async for piece in model.astream(self._messages()) if isinstance(piece, AIMessageChunk)]
        assert add_ai_message_chunks(*pieces).content == reply.content

    def test_a_stop_string_ends_the_reply_and_is_no_part_of_it(self, model: BaseChatModel) -> None:
        """Also one that spans pieces of a stream, in `invoke` and in a stream alike."""
        whole = self._reply(model).text
        stop = whole[len(whole) // 3 : len(whole) // 3 + 6]
        expected = whole[: whole.index(stop)]
        reply = model.invoke(self._messages(), stop=[stop])
        assert reply.text == expected
        assert "".join(piece.text for piece in model.stream(self._messages(), stop=[stop])) == expected

    def test_leaving_a_stream_ends_it(self, model: BaseChatModel) -> None:
        """No thread stays behind, and the model answers the next question."""
        before = threading.active_count()
        for _ in range(5):
            stream = model.stream(self._messages())
            next(stream)
            stream.close()  # type: ignore[attr-defined]  # a generator, though typed as an iterator
        waited_until = time.monotonic() + _PATIENCE_S
        while threading.active_count() > before and time.monotonic() < waited_until:
            time.sleep(0.01)
        assert threading.active_count() <= before, "threads of abandoned streams are still running"
        assert self._reply(model).content

    def test_messages_are_not_changed(self, model: BaseChatModel) -> None:
        """What is handed in stays as it is."""
        messages = self._messages()
        before = kept(messages)
        model.invoke(messages)
        list(model.stream(messages))
        assert messages == before

    def test_the_question_is_not_part_of_the_reply(self, model: BaseChatModel) -> None:
        """A model answers; it does not repeat its prompt."""
        assert self.question not in self._reply(model).text

    def test_callers_at_once_get_the_same(self, model: BaseChatModel) -> None:
        """Several threads share one model."""
        alone = self._reply(model).content
        assert all(content == alone for content in at_once(lambda: self._reply(model).content, callers=4, times=2))

    def test_errors_are_ragkit_errors_without_the_prompt(self, failing_model: BaseChatModel | None) -> None:
        """Whole and as a stream; the message does not repeat what was asked."""
        if failing_model is None:
            pytest.skip("no model that fails is given")
        with pytest.raises(RagkitError) as whole:
            failing_model.invoke(self._messages())
        with pytest.raises(RagkitError) as streamed:
            list(failing_model.stream(self._messages()))
        assert self.question not in f"{whole.value} {streamed.value}"

    def test_no_secret_shows(self, model: BaseChatModel) -> None:
        """Neither in `repr` nor in what callbacks are told."""
        if self.secret is None:
            pytest.skip("the model has no key")
        assert self.secret not in f"{model!r} {model} {model._identifying_params} {model._get_ls_params()}"

    def _messages(self) -> list[BaseMessage]:
        return [SystemMessage("Be brief."), HumanMessage(self.question)]

    def _reply(self, model: BaseChatModel) -> AIMessage:
        reply = model.invoke(self._messages())
        assert isinstance(reply, AIMessage)
        return reply

    def _pieces(self, model: BaseChatModel) -> list[AIMessageChunk]:
        return [piece for piece in model.stream(self._messages()) if isinstance(piece, AIMessageChunk)]


def _tokens(message: AIMessage) -> tuple[int, int, int] | None:
    usage = message.usage_metadata
    return None if usage is None else (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"])
