"""A collection whose vectors a server with OpenAI's API makes: indexed, searched, asked and built again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ragkit.testing.servers import Answer, Asked, LoopbackServer

pytestmark = pytest.mark.usefixtures("socket_enabled")

KEY = "sk-proj-loopback0123456789"
SPEC = "openai:house-model@64"


def _vector(text: str, dim: int) -> list[float]:
    """Count words by the sum of their letters: texts that share words are near."""
    row = [0.01] * dim
    for word in re.findall(r"\w+", text.lower()):
        row[hashlib.sha256(word.encode()).digest()[0] % dim] += 1.0
    return row


def _embed(asked: Asked) -> Answer:
    said = asked.json
    dim = said.get("dimensions", 32)
    data = [{"index": row, "embedding": _vector(text, dim)} for row, text in enumerate(said["input"])]
    return Answer(body={"object": "list", "data": data, "usage": {"prompt_tokens": 7 * len(data)}})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    with LoopbackServer(_embed) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        yield server


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Take key and server away."""

    def take() -> None:
        monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    return take


def test_index_search_and_ask_name_the_model_once(
    ragkit: Callable[..., Any], docs: Path, tmp_path: Path, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGKIT_CACHE", str(tmp_path / "cache"))
    store = tmp_path / "store"
    report = ragkit("index", docs, "--store", store, "--embeddings", SPEC, "--json").json
    assert (report["added"], report["embedded"], report["tokens"], report["cost_usd"]) == (3, 3, 21, None)
    hits = ragkit("search", "Phobos and Deimos", "--store", store, "--mode", "dense", "--json").json["hits"]
    assert hits[0]["doc_id"] == "mars"
    assert ragkit("ask", "Who was the first person to walk on the Moon?", "--store", store).code == 0
    assert ragkit("info", "--store", store, "--json").json["model"] == SPEC
    assert {asked.headers["authorization"] for asked in server.requests} == {f"Bearer {KEY}"}


def test_what_was_sent_and_its_price_are_printed(
    ragkit: Callable[..., Any], docs: Path, tmp_path: Path, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGKIT_CACHE", str(tmp_path / "cache"))
    prices = tmp_path / "prices.json"
    prices.write_text(
        '{"as_of": "2026-01-31", "source": "ours", "models": {"house-model": {"input": 2.0, "output": 0}}}'
    )
    out = ragkit("index", docs, "--store", tmp_path / "one", "--embeddings", SPEC).out
    assert f"21 tokens sent to {SPEC} in 1 request, at a price that is not known." in out
    monkeypatch.setenv("RAGKIT_PRICES", str(prices))
    monkeypatch.setenv("RAGKIT_CACHE", str(tmp_path / "another"))
    out = ragkit("index", docs, "--store", tmp_path / "two", "--embeddings", SPEC).out
    assert f"21 tokens sent to {SPEC} in 1 request, for $0.000042." in out


def test_a_dry_run_sends_nothing(
    ragkit: Callable[..., Any], docs: Path, tmp_path: Path, server: LoopbackServer
) -> None:
    plan = ragkit("index", docs, "--store", tmp_path / "store", "--embeddings", SPEC, "--dry-run", "--json").json
    assert (plan["embedded"], plan["tokens"]) == (3, 0)
    assert server.requests == []


def test_without_a_key_words_still_find_and_vectors_say_what_is_missing(
    ragkit: Callable[..., Any], docs: Path, tmp_path: Path, server: LoopbackServer, alone: Callable[[], None]
) -> None:
    store = tmp_path / "store"
    ragkit("index", docs, "--store", store, "--embeddings", SPEC)
    sent = len(server.requests)
    alone()
    found = ragkit("search", "Phobos", "--store", store, "--mode", "bm25", "--json")
    assert (found.code, found.json["hits"][0]["doc_id"]) == (0, "mars")
    ran = ragkit("search", "Phobos", "--store", store)
    assert ran.code == 2
    assert ran.err == (
        f"ragkit: {SPEC} needs a key: set OPENAI_API_KEY, or OPENAI_BASE_URL for a server that needs none.\n"
    )
    assert len(server.requests) == sent


def test_reindex_changes_to_the_model_and_back(
    ragkit: Callable[..., Any], docs: Path, tmp_path: Path, server: LoopbackServer
) -> None:
    store = tmp_path / "store"
    ragkit("index", docs, "--store", store)
    report = ragkit("reindex", "--store", store, "--embeddings", SPEC, "--json").json
    assert (report["model"], report["dim"], report["tokens"]) == (SPEC, 64, 21)
    assert "tokens sent" in ragkit("reindex", "--store", store, "--embeddings", "openai:house-model").out
    assert ragkit("info", "--store", store, "--json").json["model"] == "openai:house-model"


def test_another_model_is_refused_without_asking_it(
    ragkit: Callable[..., Any], docs: Path, tmp_path: Path, server: LoopbackServer
) -> None:
    store = tmp_path / "store"
    ragkit("index", docs, "--store", store, "--embeddings", SPEC)
    ran = ragkit("index", docs, "--store", store, "--embeddings", "openai:other@64")
    assert ran.code == 2
    assert f"was built with {SPEC} (64 dimensions), opened with openai:other@64 (64 dimensions)" in ran.err


def test_a_refused_key_is_one_sentence_without_the_key(
    ragkit: Callable[..., Any], docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"error": {"message": f"Incorrect API key provided: {KEY}.", "code": "invalid_api_key"}}
    with LoopbackServer(lambda asked: Answer(status=401, body=said)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        ran = ragkit("index", docs, "--store", tmp_path / "store", "--embeddings", SPEC)
    assert ran.code == 1
    assert "the server says: Incorrect API key provided: [key]" in ran.err
    assert KEY not in ran.err + ran.out


def test_what_was_sent_before_a_failure_is_told_and_not_sent_again(
    ragkit: Callable[..., Any], docs: Path, tmp_path: Path, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGKIT_CACHE", str(tmp_path / "cache"))
    store = tmp_path / "store"
    answers = iter([_embed, lambda asked: Answer(status=400, body={"error": {"message": "no more"}}), _embed])
    command = ("index", docs, "--store", store, "--embeddings", "openai:house-model")
    with LoopbackServer(lambda asked: next(answers)(asked)) as stingy:
        monkeypatch.setenv("OPENAI_BASE_URL", stingy.url)
        ran = ragkit(*command)
        assert (ran.code, ran.out) == (1, "")
        assert "7 tokens sent to openai:house-model in 1 request, at a price that is not known.\n" in ran.err
        assert "ragkit: the server says: no more (400)" in ran.err
        assert ragkit(*command, "--json").json["added"] == 3


def test_doctor_names_the_extras_and_never_shows_a_key(ragkit: Callable[..., Any], server: LoopbackServer) -> None:
    ran = ragkit("doctor", "--json")
    assert list(ran.json["extras"]) == ["local", "openai", "agents", "eval", "testing"]
    assert ran.json["keys"]["OPENAI_API_KEY"] is True
    shown = ragkit("doctor").out
    assert "  extra openai           installed\n" in shown
    assert "  key OPENAI_API_KEY: set\n" in shown
    assert KEY not in shown + ran.out


def test_doctor_says_that_no_key_is_set(ragkit: Callable[..., Any], alone: Callable[[], None]) -> None:
    alone()
    assert "  key OPENAI_API_KEY: not set\n" in ragkit("doctor").out
