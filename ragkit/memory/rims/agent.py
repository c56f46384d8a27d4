"""`MemoryMiddleware`: a memory for LangChain's `create_agent`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from langchain_core.runnables.config import ensure_config, run_in_executor

from ragkit._optional import require
from ragkit.memory.rims.graph import Run, removals, run_of
from ragkit.memory.rims.session import MemoryOf, memory_for

with require(feature="MemoryMiddleware", package="langchain", extra="agents"):
    from langchain.agents.middleware import AgentMiddleware

if TYPE_CHECKING:
    from langchain.agents.middleware import AgentState, ModelRequest, ModelResponse
    from langgraph.runtime import Runtime

__all__ = ["MemoryMiddleware"]


class MemoryMiddleware(AgentMiddleware[Any, Any, Any]):
    """Shows an agent's model what a memory chooses of the conversation, and keeps each run when it has ended.

    The agent's system message and its tools count in the memory's budget. Works with a checkpointer and without one.

        agent = create_agent(model, tools, middleware=[MemoryMiddleware(memory_of)])
        agent.invoke({"messages": "Hello"}, {"configurable": {"thread_id": "1", "user_id": "ann"}})
    """

    def __init__(self, memory: MemoryOf, *, drop_kept: bool = False) -> None:
        """Take a memory.

        Args:
            memory: The only conversation's memory; or a function of the `SessionName` that gives each one's.
                Its id is `session_id` or `thread_id` of the config.
            drop_kept: Whether the runs before leave the state once a run is kept, so that checkpoints stay small.
        """
        super().__init__()
        self._memory = memory
        self._drop_kept = drop_kept

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Ask the model with what the memory shows."""
        run = self._run(request.messages)
        return handler(request.override(messages=run.prompt(run.memory.load(**_asked(run, request)))))  # type: ignore[arg-type]

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """Ask the model with what the memory shows."""
        run = await run_in_executor(None, self._run, request.messages)
        past = await run.memory.aload(**_asked(run, request))
        return await handler(request.override(messages=run.prompt(past)))  # type: ignore[arg-type]

    def after_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Keep the run."""
        run = self._run(state["messages"])
        if run.new:
            run.memory.save(run.new)
        return self._update(run)

    async def aafter_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Keep the run."""
        run = await run_in_executor(None, self._run, state["messages"])
        if run.new:
            await run.memory.asave(run.new)
        return self._update(run)

    def _run(self, messages: list[Any]) -> Run:
        # Middleware is given no config; LangGraph keeps the current one where LangChain's runnables find it.
        return run_of(messages, memory_for(self._memory, ensure_config()))

    def _update(self, run: Run) -> dict[str, Any] | None:
        return {"messages": removals(run.kept_before)} if self._drop_kept else None


def _asked(run: Run, request: ModelRequest[Any]) -> dict[str, Any]:
    system = [request.system_message] if request.system_message else []
    return run.asked(beside=system, tools=request.tools)
