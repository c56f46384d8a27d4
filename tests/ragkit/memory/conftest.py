from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from ragkit.memory.histories.histories import ChatHistories
from ragkit.memory.histories.history import ChatHistory

_WORDS = st.text("ab <|im_end|>{}\nß水", max_size=30)
_IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}}


@pytest.fixture
def history() -> Iterator[ChatHistory]:
    """A session that nothing was said in yet."""
    with ChatHistories() as histories:
        yield histories.session("one", user_id="ada")


def _call(call_id: str) -> dict[str, object]:
    return {"name": "look", "args": {"up": call_id}, "id": call_id}


@st.composite
def _used(draw: st.DrawFn) -> list[BaseMessage]:
    """Draw tool calls with their results: parallel, failing, out of order, of two models, ids used again."""
    ids = draw(st.lists(st.sampled_from(["c1", "c2", "c3"]), min_size=1, max_size=3, unique=True))
    calling = AIMessage(draw(_WORDS), tool_calls=[_call(one) for one in ids])
    statuses = draw(st.lists(st.sampled_from(["success", "error"]), min_size=len(ids), max_size=len(ids)))
    results: list[BaseMessage] = [
        ToolMessage(draw(_WORDS), tool_call_id=one, status=status)
        for one, status in zip(draw(st.permutations(ids)), statuses, strict=True)
    ]
    between: list[BaseMessage] = []
    if draw(st.integers(0, 4)) == 0:
        between = [AIMessage("", tool_calls=[_call("inner")]), ToolMessage("within", tool_call_id="inner")]
    elif draw(st.integers(0, 4)) == 0:
        between = [HumanMessage("meanwhile")]
    at = draw(st.integers(0, len(results) - 1))
    return [calling, *results[:at], *between, *results[at:]]


@st.composite
def _conversation(draw: st.DrawFn, *, broken: bool = True, most: int = 6) -> list[BaseMessage]:
    """Draw turns with tools and images; where `broken`, results and calls without each other too."""
    messages: list[BaseMessage] = draw(st.lists(st.builds(SystemMessage, _WORDS), max_size=1))
    for _ in range(draw(st.integers(0, most))):
        text = draw(_WORDS)
        messages.append(HumanMessage([{"type": "text", "text": text}, _IMAGE] if draw(st.booleans()) else text))
        for _ in range(draw(st.integers(0, 2))):
            used = draw(_used())
            if broken and draw(st.integers(0, 5)) == 0:
                del used[draw(st.integers(0, len(used) - 1))]
            messages += used
        if draw(st.integers(0, 5)):
            messages.append(AIMessage(draw(_WORDS)))
    if draw(st.integers(0, 4)) == 0:
        messages.append(AIMessage("", tool_calls=[_call("open")]))
    numbers = count()
    return [message.model_copy(update={"id": f"m{next(numbers)}"}) for message in messages]


@pytest.fixture(scope="session")
def conversations() -> st.SearchStrategy[list[BaseMessage]]:
    """Conversations with all that goes wrong in them; each message has an id of its own."""
    return _conversation()


@pytest.fixture(scope="session")
def sound_conversations() -> st.SearchStrategy[list[BaseMessage]]:
    """Conversations in which each tool call has its results."""
    return _conversation(broken=False)
