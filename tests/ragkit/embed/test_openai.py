from __future__ import annotations

import base64
import hashlib
import json
import struct
import threading
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragkit.embed.openai import EmbeddingSpend, OpenAIEncoder, OpenAIModelName
from ragkit.embed.openai_calls import EmbeddingLimits
from ragkit.embed.tokens import TruncationWarning
from ragkit.encoder import Encoder, StreamEncoder
from ragkit.errors import (
    ConfigError,
    InputError,
    ModelAccessError,
    ModelError,
    ModelRequestError,
    ModelTimeoutError,
    ModelUnavailableError,
    RateLimitError,
)
from ragkit.remote.openai_client import OpenAIServer
from ragkit.remote.policy import RetryPolicy
from ragkit.remote.prices import Price, PriceTable
from ragkit.testing.openai_replies import error_reply
from ragkit.testing.servers import Answer, Asked, LoopbackServer

pytestmark = pytest.mark.usefixtures("socket_enabled")

KEY = "sk-proj-loopback0123456789"
AT_ONCE = RetryPolicy(attempts=3, base_s=0.0, ceiling_s=0.0)


def vector(text: str, dim: int = 4) -> list[float]:
    """Give numbers that only this text has, not of unit length."""
    return [1.0 + byte for byte in hashlib.sha256(text.encode()).digest()[:dim]]


def unit(text: str, dim: int = 4) -> Any:
    row = np.array(vector(text, dim), dtype=np.float32)
    return row / np.linalg.norm(row)


def base64_of(numbers: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def reply(asked: Asked, **changes: Any) -> dict[str, Any]:
    """Answer as OpenAI does, in an order of its own."""
    said = asked.json
    dim = said.get("dimensions", 4)
    data = [
        {"object": "embedding", "index": row, "embedding": base64_of(vector(text, dim))}
        for row, text in enumerate(said["input"])
    ]
    usage = {"prompt_tokens": 10 * len(data), "total_tokens": 10 * len(data)}
    return {"object": "list", "data": data[::-1], "model": said["model"], "usage": usage} | changes


def good(asked: Asked) -> Answer:
    return Answer(body=reply(asked))


def encoder(server: LoopbackServer, name: str = "tiny@4", **options: Any) -> OpenAIEncoder:
    return OpenAIEncoder(name, OpenAIServer(base_url=server.url, api_key=KEY), **{"policy": AT_ONCE, **options})


def scripted(*answers: Answer | Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    """Answer the first requests as told, all after them well."""
    left = list(answers)

    def answer(asked: Asked) -> Answer:
        now = left.pop(0) if left else good
        return now if isinstance(now, Answer) else now(asked)

    return answer


def _join_requests() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("ragkit-embeddings"):
            thread.join(20)
            assert not thread.is_alive()


def test_vectors_have_unit_length_and_the_order_of_the_texts() -> None:
    with LoopbackServer(good) as server:
        rows = encoder(server).encode_documents(["one", "two", "three", "one"])
    assert rows.dtype == np.float32
    assert rows == pytest.approx(np.stack([unit(text) for text in ("one", "two", "three", "one")]))


def test_a_text_that_repeats_is_sent_once() -> None:
    with LoopbackServer(good) as server:
        encoder(server).encode_documents(["one", "two", "one"])
        assert server.requests[0].json["input"] == ["one", "two"]


def test_the_request_is_that_of_the_api() -> None:
    with LoopbackServer(good) as server:
        encoder(server, "text-embedding-3-large@8").encode_queries(["one"])
        asked = server.requests[0]
    assert (asked.method, asked.path) == ("POST", "/v1/embeddings")
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.json == {
        "model": "text-embedding-3-large",
        "input": ["one"],
        "encoding_format": "base64",
        "dimensions": 8,
    }


def test_lists_of_numbers_are_read_too() -> None:
    def answer(asked: Asked) -> Answer:
        data = [{"index": row, "embedding": vector(text)} for row, text in enumerate(asked.json["input"])]
        return Answer(body=reply(asked, data=data))

    with LoopbackServer(answer) as server:
        assert encoder(server).encode_documents(["one"])[0] == pytest.approx(unit("one"))


def test_nothing_gives_no_rows_and_asks_nobody() -> None:
    with LoopbackServer([]) as server:
        made = encoder(server)
        assert made.encode_documents([]).shape == (0, 4)
        assert made.encode_queries([]).shape == (0, 4)
        assert server.requests == []


def test_texts_are_sent_in_batches_of_texts_and_tokens() -> None:
    limits = EmbeddingLimits(request_texts=3, request_tokens=6)
    with LoopbackServer(good) as server:
        texts = ["a", "b", "c", "d", "e f g h", "i j"]
        rows = encoder(server, limits=limits).encode_documents(texts)
        sent = sorted(asked.json["input"] for asked in server.requests)
    assert sent == [["a", "b", "c"], ["d", "e f g h"], ["i j"]]
    assert rows == pytest.approx(np.stack([unit(text) for text in texts]))


def test_batches_are_under_way_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=20)

    class Meeting(LoopbackServer):
        def answer_to(self, asked: Asked) -> Answer:
            together.wait()
            return super().answer_to(asked)

    with Meeting(good) as server:
        rows = encoder(server, limits=EmbeddingLimits(request_texts=1)).encode_documents(["a", "b", "c"])
    assert len(rows) == 3


def test_groups_are_given_in_order_and_read_ahead() -> None:
    read: list[str] = []

    def groups() -> Any:
        for name in "abcdefgh":
            read.append(name)
            yield [name, f"{name}{name}"]

    with LoopbackServer(good) as server:
        found = encoder(server).encode_each(groups())
        first = next(found)
        ahead = len(read)
        rest = list(found)
    assert 1 < ahead < 8
    assert first == pytest.approx(np.stack([unit("a"), unit("aa")]))
    assert [row.shape for row in rest] == [(2, 4)] * 7


def test_groups_that_are_known_are_given_as_they_are_read(tmp_path: Path) -> None:
    read: list[str] = []

    def groups() -> Any:
        for name in "abcdefgh":
            read.append(name)
            yield [name]

    with LoopbackServer(good) as server:
        encoder(server, cache=tmp_path).encode_documents(list("abcdefgh"))
        found = encoder(server, cache=tmp_path).encode_each(groups())
        next(found)
        assert read == ["a"]
        assert len(list(found)) == 7
        assert len(server.requests) == 1


def test_a_consumer_that_leaves_ends_the_reading() -> None:
    with LoopbackServer(good) as server:
        found = encoder(server).encode_each([[text] for text in "abcdefgh"])
        next(found)
        found.close()
        assert len(server.requests) < 8
    _join_requests()


def test_an_error_does_not_wait_for_the_other_requests() -> None:
    def answer(asked: Asked) -> Answer:
        if asked.json["input"] == ["bad"]:
            return error_reply(400, "no")
        return Answer(delay_s=60.0)

    limits = EmbeddingLimits(request_texts=1)
    with LoopbackServer(answer) as server:
        with pytest.raises(ModelRequestError, match="the server says: no"):
            encoder(server, limits=limits).encode_documents(["bad", "slow"])
        assert server.left == 0  # nobody has waited until the slow one was given up


def test_vectors_of_documents_are_kept_and_queries_are_not(tmp_path: Path) -> None:
    with LoopbackServer(good) as server:
        encoder(server, cache=tmp_path).encode_documents(["one", "two"])
        again = encoder(server, cache=tmp_path)
        assert again.encode_documents(["two", "one"]) == pytest.approx(np.stack([unit("two"), unit("one")]))
        assert len(server.requests) == 1
        again.encode_queries(["one"])
        assert len(server.requests) == 2


def test_another_dimension_or_server_has_vectors_of_its_own_in_the_cache(tmp_path: Path) -> None:
    with LoopbackServer(good) as server, LoopbackServer(good) as other:
        encoder(server, cache=tmp_path).encode_documents(["one"])
        assert encoder(server, "tiny@3", cache=tmp_path).encode_documents(["one"]).shape == (1, 3)
        encoder(other, cache=tmp_path).encode_documents(["one"])
        assert (len(server.requests), len(other.requests)) == (2, 1)


def test_what_was_embedded_before_a_failure_is_kept(tmp_path: Path) -> None:
    limits = EmbeddingLimits(request_texts=1, requests_at_once=1)
    with LoopbackServer(scripted(good, error_reply(400, "no"))) as server:
        with pytest.raises(ModelRequestError, match="the server says: no"):
            encoder(server, cache=tmp_path, limits=limits).encode_documents(["one", "two"])
        encoder(server, cache=tmp_path).encode_documents(["one", "two"])
        assert [asked.json["input"] for asked in server.requests] == [["one"], ["two"], ["two"]]


def test_what_the_other_requests_brought_is_kept_where_one_fails(tmp_path: Path) -> None:
    brought = threading.Event()

    def answer(asked: Asked) -> Answer:
        if asked.json["input"] == ["bad"]:
            assert brought.wait(20)
            return error_reply(400, "no")
        brought.set()
        return good(asked)

    limits = EmbeddingLimits(request_texts=1)
    with LoopbackServer(answer) as server:
        with pytest.raises(ModelRequestError, match="the server says: no"):
            encoder(server, cache=tmp_path, limits=limits).encode_documents(["bad", "one"])
        _join_requests()
        asked = len(server.requests)
        rows = encoder(server, cache=tmp_path).encode_documents(["one"])
        assert len(server.requests) == asked
    assert rows == pytest.approx(np.stack([unit("one")]))


def test_the_card_names_the_model_and_asks_nobody() -> None:
    with LoopbackServer([]) as server:
        card = encoder(server, "text-embedding-3-large@256").card
    assert (card.model, card.location) == ("openai:text-embedding-3-large@256",) * 2
    assert (card.dim, card.max_tokens, card.normalised) == (256, 8192, True)
    assert card.revision == "openai:text-embedding-3-large@256"


@pytest.mark.parametrize(
    ("model", "dim"),
    [("text-embedding-3-small", 1536), ("text-embedding-3-large", 3072), ("text-embedding-ada-002", 1536)],
)
def test_the_dimensions_of_openais_models_are_known(model: str, dim: int) -> None:
    with LoopbackServer([]) as server:
        assert encoder(server, model).card.dim == dim


def test_the_dimension_of_another_model_is_asked_once() -> None:
    with LoopbackServer(good) as server:
        made = encoder(server, "house-model")
        assert made.card.dim == 4
        assert made.card.dim == 4
        assert [asked.json["input"] for asked in server.requests] == [["dimension"]]


def test_a_known_dimension_is_not_asked() -> None:
    with LoopbackServer([]) as server:
        assert encoder(server, "house-model", dim=7).card.dim == 7


def test_vectors_of_another_length_are_refused() -> None:
    with (
        LoopbackServer(good) as server,
        pytest.raises(ModelError, match=r"openai:house-model gave vectors of 4 numbers, expected 7: does the server"),
    ):
        encoder(server, "house-model", dim=7).encode_documents(["one"])


def test_it_is_an_encoder_that_reads_ahead() -> None:
    with LoopbackServer([]) as server:
        made: Encoder = encoder(server)
        assert isinstance(made, StreamEncoder)


def test_tokens_are_those_the_server_counts_and_cost_by_the_table() -> None:
    with LoopbackServer(good) as server:
        made = encoder(server, "text-embedding-3-small@4")
        assert made.spent == EmbeddingSpend()
        made.encode_documents(["one", "two"])
        made.encode_queries(["one"])
    assert (made.spent.requests, made.spent.tokens, made.spent.estimated) == (2, 30, False)
    assert made.spent.cost_usd == pytest.approx(30 * 0.02 / 1e6)


def test_a_model_that_is_not_in_the_table_is_unpriced_and_not_free() -> None:
    with LoopbackServer(good) as server:
        made = encoder(server, "house-model@4")
        made.encode_documents(["one"])
    assert made.spent.cost_usd is None


def test_a_price_table_of_ones_own_is_used() -> None:
    table = PriceTable(as_of=date(2026, 1, 1), source="ours", models={"tiny": Price(input=1.0, output=0.0)})
    with LoopbackServer(good) as server:
        made = encoder(server, table=table)
        made.encode_documents(["one"])
    assert made.spent.cost_usd == pytest.approx(1e-5)


def test_where_the_server_counts_nothing_tokens_are_estimated_and_marked() -> None:
    with LoopbackServer(lambda asked: Answer(body=reply(asked, usage=None))) as server:
        made = encoder(server)
        made.encode_documents(["one two"])
    assert (made.spent.tokens, made.spent.estimated) == (2, True)


def test_a_text_that_is_too_long_is_embedded_by_its_beginning_and_told() -> None:
    limits = EmbeddingLimits(text_tokens=3)
    with LoopbackServer(good) as server:
        with pytest.warns(TruncationWarning, match=r"1 of 2 texts may exceed the 3 tokens that openai:tiny@4 reads"):
            encoder(server, limits=limits).encode_documents(["a b c d e", "a b"])
        assert server.requests[0].json["input"] == ["a b c ", "a b"]


def test_an_empty_text_is_sent_as_a_space_and_half_a_character_as_a_question_mark() -> None:
    with LoopbackServer(good) as server:
        rows = encoder(server).encode_documents(["", "a\ud800b"])
        assert server.requests[0].json["input"] == [" ", "a?b"]
    assert rows.shape == (2, 4)


def test_a_string_is_no_list_of_texts() -> None:
    with LoopbackServer([]) as server, pytest.raises(InputError, match="texts must be a list of strings"):
        encoder(server).encode_documents("one")


@pytest.mark.parametrize("bad", [error_reply(503, "busy"), error_reply(429, "slow down"), Answer(hang_up=True)])
def test_a_passing_failure_is_asked_again(bad: Answer) -> None:
    with LoopbackServer(scripted(bad, bad)) as server:
        assert encoder(server).encode_documents(["one"])[0] == pytest.approx(unit("one"))
        assert len(server.requests) == 3


def test_patience_ends_with_the_attempts() -> None:
    with (
        LoopbackServer([error_reply(429, "slow down", headers={"retry-after": "0"})] * 3) as server,
        pytest.raises(RateLimitError, match="the server says: slow down") as caught,
    ):
        encoder(server).encode_documents(["one"])
    assert caught.value.retry_after_s == 0.0


def test_a_deadline_ends_the_waiting() -> None:
    policy = RetryPolicy(attempts=1, deadline_s=0.2)
    with LoopbackServer([Answer(delay_s=30.0)]) as server, pytest.raises(ModelTimeoutError):
        encoder(server, policy=policy).encode_documents(["one"])


def test_a_refused_key_is_told_without_the_key() -> None:
    said = error_reply(401, f"Incorrect API key provided: {KEY}.", code="invalid_api_key")
    with (
        LoopbackServer([said]) as server,
        pytest.raises(ModelAccessError, match=r"Incorrect API key provided: \[key\]") as caught,
    ):
        encoder(server).encode_documents(["one"])
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value.__cause__) + repr(caught.value.__context__)


def test_an_unknown_model_is_told_in_the_servers_words() -> None:
    said = error_reply(404, "The model `nix` does not exist.", code="model_not_found")
    with LoopbackServer([said]) as server, pytest.raises(ModelRequestError, match="`nix` does not exist") as caught:
        encoder(server).encode_documents(["one"])
    assert (caught.value.status, caught.value.code) == (404, "model_not_found")


def broken(**changes: Any) -> Callable[[Asked], Answer]:
    return lambda asked: Answer(body=reply(asked, **changes))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (broken(data=[]), "cannot be read|gave 0 vectors for 1 texts"),
        (broken(data=None), "cannot be read|gave no vectors for 1 texts"),
        (broken(data=[{"index": 3, "embedding": "AAAA"}]), "gave 1 vectors for 1 texts, or wrong places"),
        (broken(data=[{"index": 0, "embedding": "?"}]), "gave a vector that cannot be read"),
        (broken(data=[{"index": 0, "embedding": ["x"]}]), "gave a vector that cannot be read"),
        (broken(data=[{"index": 0, "embedding": None}]), "gave a vector that cannot be read"),
        (broken(data=[{"index": 0, "embedding": []}]), "gave vectors of 0 numbers|no cosine can be taken"),
        (broken(data=[{"index": 0, "embedding": [0.0] * 4}]), "zero or not finite: no cosine can be taken"),
        (broken(data=[{"index": 0, "embedding": base64_of([float("nan")] * 4)}]), "zero or not finite"),
        (Answer(body="<html>no</html>", headers={"content-type": "text/html"}), "gave no vectors|cannot be read"),
        (Answer(body="{", headers={"content-type": "application/json"}), "cannot be read"),
        (Answer(body="[]"), "gave no vectors|cannot be read"),
    ],
)
def test_a_reply_that_does_not_fit_is_an_error(answer: Any, message: str) -> None:
    script = answer if callable(answer) else lambda asked: answer
    with LoopbackServer(script) as server, pytest.raises(ModelError, match=message):
        encoder(server, policy=RetryPolicy(attempts=1)).encode_documents(["one"])


def test_vectors_of_unlike_lengths_in_one_reply_are_an_error() -> None:
    data = [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}]
    with LoopbackServer(broken(data=data)) as server, pytest.raises(ModelUnavailableError, match="of unlike lengths"):
        encoder(server, policy=RetryPolicy(attempts=1)).encode_documents(["one", "two"])


def test_a_closed_encoder_opens_again_with_the_next_text() -> None:
    with LoopbackServer(good) as server:
        made = encoder(server)
        made.close()
        made.encode_queries(["one"])
        made.close()
        assert made.encode_queries(["one"]).shape == (1, 4)


def test_the_server_is_asked_for_with_the_first_text() -> None:
    def nobody() -> OpenAIServer:
        raise ConfigError("no key")

    made = OpenAIEncoder("text-embedding-3-small", nobody)
    assert made.card.dim == 1536
    with pytest.raises(ConfigError, match="no key"):
        made.encode_queries(["one"])


@pytest.mark.parametrize(
    ("name", "model", "dimensions"),
    [
        ("a", "a", None),
        ("a@256", "a", 256),
        ("a@b", "a@b", None),
        ("embedding@001", "embedding@001", None),
        ("org/model:v2@8", "org/model:v2", 8),
    ],
)
def test_a_name_may_carry_a_dimension(name: str, model: str, dimensions: int | None) -> None:
    assert OpenAIModelName.read(name) == (model, dimensions)
    assert str(OpenAIModelName.read(name)) == name


@pytest.mark.parametrize("name", ["", " ", "@5"])
def test_no_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="name no model: expected such as openai:text-embedding-3-small"):
        OpenAIModelName.read(name)


def test_a_foreign_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "poison")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with LoopbackServer(good) as server:
        encoder(server).encode_queries(["one"])
        assert "poison" not in json.dumps(dict(server.requests[0].headers))


def test_tokens_are_estimated_without_asking() -> None:
    with LoopbackServer([]) as server:
        assert encoder(server).count_tokens("one two") == 2
        assert server.requests == []
