"""A server that misbehaves as a test says, and a model that asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from ragkit.models import OpenAIChatModel
from ragkit.remote.policy import RetryPolicy
from ragkit.testing.servers import LoopbackServer, Script

Serve = Callable[..., LoopbackServer]
KEY = "sk-test-Ab3dEf6hIj9kLmNoPqRsTuVwXyZ"


@pytest.fixture
def serve(socket_enabled: None) -> Iterator[Serve]:
    """Start a server that answers as scripted, for as long as the test runs."""
    with ExitStack() as stack:

        def start(*answers: Any) -> LoopbackServer:
            script: Script = answers[0] if callable(answers[0]) else answers
            return stack.enter_context(LoopbackServer(script))

        yield start


@pytest.fixture
def ask(serve: Serve) -> Iterator[Callable[..., tuple[OpenAIChatModel, LoopbackServer]]]:
    """Make a model and the server it asks; waits between attempts are short."""
    models: list[OpenAIChatModel] = []

    def make(*answers: Any, **options: Any) -> tuple[OpenAIChatModel, LoopbackServer]:
        server = serve(*answers)
        given = {
            "model": "gpt-4o",
            "api_key": KEY,
            "policy": RetryPolicy(base_s=0.001, deadline_s=30.0),
            "timeout": 20.0,
        }
        model = OpenAIChatModel(**{**given, "base_url": server.url, **options})
        models.append(model)
        return model, server

    yield make
    for model in models:
        model.close()
