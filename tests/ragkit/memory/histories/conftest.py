from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from ragkit.memory import ChatHistories, ChatHistory


@pytest.fixture
def clock() -> SimpleNamespace:
    """What the histories take for `now`: noon, until a test sets another moment."""
    return SimpleNamespace(now=datetime(2026, 11, 21, 12, tzinfo=UTC))


@pytest.fixture(params=["file", "memory"])
def histories(request: pytest.FixtureRequest, tmp_path: Path, clock: SimpleNamespace) -> Iterator[ChatHistories]:
    """Histories that nothing was said in yet."""
    path = tmp_path / "chats.sqlite" if request.param == "file" else None
    with ChatHistories(path, clock=lambda: clock.now) as made:
        yield made


@pytest.fixture
def history(histories: ChatHistories) -> ChatHistory:
    """One session of them."""
    return histories.session("monday", user_id="ann")
