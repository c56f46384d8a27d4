"""What OpenAI said to requests for embeddings, served again: vectors, tokens and a refusal arrive as they were."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from ragkit.embed.openai import OpenAIEncoder
from ragkit.errors import ModelRequestError
from ragkit.remote.openai_client import OpenAIServer
from ragkit.testing.servers import Answer, LoopbackServer

pytestmark = pytest.mark.usefixtures("socket_enabled")


def _numbers(sent: Any) -> Any:
    return np.frombuffer(base64.b64decode(sent), dtype="<f4") if isinstance(sent, str) else np.array(sent)


def _encoder(server: LoopbackServer, name: str) -> OpenAIEncoder:
    return OpenAIEncoder(name, OpenAIServer(base_url=server.url, api_key="sk-not-recorded-anywhere"))


def test_every_recorded_embedding_arrives_as_it_was_said(exchanges: Sequence[Any]) -> None:
    checked = 0
    for exchange in (one for one in exchanges if one.kind == "embeddings" and one.status == 200):
        raw = json.loads(exchange.body)
        asked = exchange.asked
        name = asked["model"] + (f"@{asked['dimensions']}" if "dimensions" in asked else "")
        texts = [f"text {number}" for number in range(len(raw["data"]))]
        with LoopbackServer([Answer(body=exchange.body)]) as server:
            encoder = _encoder(server, name)
            rows = encoder.encode_queries(texts)
            sent = server.requests[0].json
        expected = [_numbers(item["embedding"]) for item in sorted(raw["data"], key=lambda item: item["index"])]
        for row, numbers in zip(rows, expected, strict=True):
            assert row == pytest.approx(numbers / np.linalg.norm(numbers), abs=1e-6), exchange.name
        assert encoder.card.dim == len(expected[0]), exchange.name
        assert encoder.spent.tokens == raw["usage"]["prompt_tokens"], exchange.name
        assert sent.get("dimensions") == asked.get("dimensions"), exchange.name
        checked += 1
    assert checked == 4


def test_the_recorded_refusal_keeps_the_servers_words(exchanges: Sequence[Any]) -> None:
    refusals = [one for one in exchanges if one.kind == "embeddings" and one.status != 200]
    assert [one.status for one in refusals] == [404]
    with LoopbackServer([Answer(status=404, body=refusals[0].body)]) as server:
        encoder = _encoder(server, "nonexistent@8")
        with pytest.raises(ModelRequestError, match="The model `nonexistent` does not exist or you do not") as caught:
            encoder.encode_queries(["text"])
    assert (caught.value.status, caught.value.code) == (404, "model_not_found")
