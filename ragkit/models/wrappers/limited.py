"""A chat model that keeps to requests and tokens per minute."""

from __future__ import annotations

from contextlib import aclosing, closing

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.outputs import ChatResult
from pydantic import Field

from ragkit.messages.tokens import TokenCounter, counter_for
from ragkit.models.wrappers.around import ChatModelAroundOne
from ragkit.models.wrappers.calls import AsyncChunks, Call, Chunks, agenerate, astream, generate, stream
from ragkit.models.wrappers.limiter import RateLimiter
from ragkit.models.wrappers.usage import UsageSeen

__all__ = ["RateLimitedChatModel"]


class RateLimitedChatModel(ChatModelAroundOne):
    """Waits for its turn before it asks the inner model, by requests and by tokens.

    Before the call so many tokens are reserved as its prompt is thought to have and its reply may have; when the
    usage is known, the rest is given back. One limiter may serve several models that share a limit.
    """

    limiter: RateLimiter
    """Who says when; shared with whoever has the same limit."""
    counter: TokenCounter | None = Field(default=None, exclude=True)
    """How prompts are counted; None takes `counter_for` the inner model's name."""
    reply_tokens: int = Field(default=1024, ge=0)
    """What is reserved for a reply where neither the model nor the call states `max_tokens`."""

    def _answer(self, call: Call, run: CallbackManagerForLLMRun | None) -> ChatResult:
        reserved = self._needed(call)
        self.limiter.acquire(tokens=reserved)
        result = generate(self.model, call, run)
        self._settle(reserved, UsageSeen.of(result))
        return result

    async def _aanswer(self, call: Call, run: AsyncCallbackManagerForLLMRun | None) -> ChatResult:
        reserved = self._needed(call)
        await self.limiter.aacquire(tokens=reserved)
        result = await agenerate(self.model, call, run)
        self._settle(reserved, UsageSeen.of(result))
        return result

    def _chunks(self, call: Call) -> Chunks:
        reserved, seen = self._needed(call), UsageSeen()
        self.limiter.acquire(tokens=reserved)
        with closing(stream(self.model, call)) as chunks:
            for chunk in chunks:
                seen.add(chunk)
                yield chunk
        self._settle(reserved, seen)

    async def _achunks(self, call: Call) -> AsyncChunks:
        reserved, seen = self._needed(call), UsageSeen()
        await self.limiter.aacquire(tokens=reserved)
        async with aclosing(astream(self.model, call)) as chunks:
            async for chunk in chunks:
                seen.add(chunk)
                yield chunk
        self._settle(reserved, seen)

    def _needed(self, call: Call) -> int:
        if not self.limiter.counts_tokens:
            return 0
        counter = self.counter or counter_for(self.model_name or "")
        stated = self._get_ls_params(stop=call.stop, **call.kwargs).get("ls_max_tokens")
        reply = self.reply_tokens if stated is None else stated
        return counter.messages(call.messages, call.kwargs.get("tools")) + reply

    def _settle(self, reserved: int, seen: UsageSeen) -> None:
        # A call that failed or says nothing of its tokens has used them, as far as anyone knows.
        if seen.known:
            self.limiter.settle(reserved=reserved, used=seen.usage.input_tokens + seen.usage.output_tokens)
