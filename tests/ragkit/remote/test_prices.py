from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import ConfigError
from ragkit.remote.prices import Price, PriceTable, TokenUsage, cost_usd, prices

_TOKENS = st.integers(min_value=0, max_value=10**9)


def _written(folder: Path, content: object) -> Path:
    path = folder / "prices.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def _table(**models: Any) -> dict[str, Any]:
    return {"as_of": "2026-01-31", "source": "my contract", "models": models}


def test_the_shipped_table_has_a_day_and_a_source() -> None:
    table = prices()

    assert table.as_of == date(2026, 6, 4)
    assert table.source == "https://openai.com/api/pricing/"


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("gpt-4o", Price(input=2.5, cached_input=1.25, output=10)),
        ("gpt-4o-mini", Price(input=0.15, cached_input=0.075, output=0.6)),
        ("gpt-4.1-mini", Price(input=0.4, cached_input=0.1, output=1.6)),
        ("gpt-5", Price(input=1.25, cached_input=0.125, output=10)),
        ("gpt-5.5", Price(input=5, cached_input=0.5, output=30)),
        ("o3", Price(input=2, cached_input=0.5, output=8)),
        ("text-embedding-3-small", Price(input=0.02, output=0)),
    ],
)
def test_published_prices_stand_in_the_table(model: str, price: Price) -> None:
    assert prices().price(model) == price


def test_output_costs_more_than_input_and_kept_input_less() -> None:
    for model, price in prices().models.items():
        assert price.cached_input is None or price.cached_input < price.input, model
        assert price.output > price.input or model.startswith("text-embedding-"), model


@pytest.mark.parametrize(
    ("snapshot", "family"),
    [("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini"), ("gpt-4-0613", "gpt-4"), ("gpt-5-nano-2025-08-07", "gpt-5-nano")],
)
def test_a_snapshot_costs_what_its_family_costs(snapshot: str, family: str) -> None:
    assert prices().price(snapshot) == prices().models[family]


def test_a_snapshot_with_a_price_of_its_own_keeps_it() -> None:
    assert prices().price("gpt-4o-2024-05-13") == Price(input=5, output=15)
    assert prices().price("gpt-3.5-turbo-0613") == Price(input=1.5, output=2)


@pytest.mark.parametrize("model", ["gpt-4o-audio-preview", "ft:gpt-4o:me", "gpt-99", "llama", "", "gpt-4o-2024"])
def test_an_unknown_model_is_unpriced_and_not_free(model: str) -> None:
    if model == "gpt-4o-2024":  # the year alone reads like a snapshot's month and day
        assert prices().price(model) == prices().price("gpt-4o")
    else:
        assert cost_usd(model, TokenUsage(input_tokens=1_000_000)) is None


def test_kept_tokens_cost_less_and_reasoning_costs_as_output() -> None:
    usage = TokenUsage(input_tokens=1_000_000, cached_tokens=400_000, output_tokens=100_000, reasoning_tokens=90_000)

    assert cost_usd("gpt-4o", usage) == pytest.approx(0.6 * 2.5 + 0.4 * 1.25 + 0.1 * 10)


def test_without_a_discount_kept_tokens_cost_as_others() -> None:
    assert cost_usd("gpt-4", TokenUsage(input_tokens=1_000_000, cached_tokens=1_000_000)) == 30.0


@given(_TOKENS, _TOKENS, _TOKENS, _TOKENS)
@settings(max_examples=50, deadline=None)
def test_more_tokens_never_cost_less(read: int, kept: int, written: int, more: int) -> None:
    before = TokenUsage(input_tokens=read, cached_tokens=kept, output_tokens=written)
    after = TokenUsage(input_tokens=read + more, cached_tokens=kept, output_tokens=written + more)

    low, high = cost_usd("gpt-4.1", before), cost_usd("gpt-4.1", after)

    assert low is not None
    assert high is not None
    assert 0 <= low <= high


@pytest.mark.parametrize(
    "usage",
    [
        {
            "input_tokens": 9,
            "output_tokens": 5,
            "total_tokens": 14,
            "input_token_details": {"cache_read": 4},
            "output_token_details": {"reasoning": 3},
        },
        {
            "prompt_tokens": 9,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
        {
            "input_tokens": 9,
            "output_tokens": 5,
            "input_tokens_details": {"cached_tokens": 4},
            "output_tokens_details": {"reasoning_tokens": 3},
        },
    ],
    ids=["langchain", "chat-completions", "responses"],
)
def test_usage_is_read_from_every_form(usage: dict[str, Any]) -> None:
    assert TokenUsage.of(usage) == TokenUsage(input_tokens=9, output_tokens=5, cached_tokens=4, reasoning_tokens=3)


@pytest.mark.parametrize("tier", ["flex", "priority"])
def test_tokens_of_another_tier_are_all_read_and_have_no_known_price(tier: str) -> None:
    # As langchain-openai reads `service_tier`: kept and reasoning tokens do not count towards the tier's own.
    usage = TokenUsage.of(
        {
            "input_tokens": 100,
            "output_tokens": 20,
            "input_token_details": {tier: 60, f"{tier}_cache_read": 40, f"{tier}_cache_creation": 30},
            "output_token_details": {tier: 5, f"{tier}_reasoning": 15},
        }
    )

    assert usage == TokenUsage(
        input_tokens=100, output_tokens=20, cached_tokens=40, reasoning_tokens=15, apart_tokens=120
    )
    assert cost_usd("gpt-5", usage) is None


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": 9, "output_tokens": 5, "input_token_details": {"audio": 2}},
        {"input_tokens": 9, "output_tokens": 5, "output_token_details": {"audio": 2}},
        {"input_tokens": 9, "output_tokens": 5, "input_token_details": {"cache_creation": 2}},
        {"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cache_write_tokens": 2}},
        {"prompt_tokens": 9, "completion_tokens": 5, "completion_tokens_details": {"audio_tokens": 2}},
    ],
)
def test_tokens_of_sound_or_written_to_a_cache_have_no_known_price(usage: dict[str, Any]) -> None:
    assert TokenUsage.of(usage).apart_tokens == 2
    assert cost_usd("gpt-5", TokenUsage.of(usage)) is None


@pytest.mark.parametrize(
    "usage", [{}, {"input_tokens": None, "input_token_details": None}, {"input_tokens": -1, "output_tokens": "5"}]
)
def test_usage_that_says_nothing_is_nothing(usage: dict[str, Any]) -> None:
    assert TokenUsage.of(usage) == TokenUsage()


def test_a_file_of_the_users_own_adds_and_replaces(tmp_path: Path) -> None:
    path = _written(tmp_path, _table(**{"gpt-4o": {"input": 1, "output": 2}, "mine": {"input": 0, "output": 0}}))

    table = prices(path)

    assert table.price("gpt-4o") == Price(input=1, output=2)
    assert table.cost_usd("mine", TokenUsage(input_tokens=5)) == 0.0
    assert table.price("gpt-4.1") == prices().price("gpt-4.1")
    assert (table.as_of, table.source) == (date(2026, 1, 31), "my contract")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", r"prices\.json is not JSON"),
        ([], 'must be an object with "as_of", "source" and "models"'),
        ({"as_of": "2026-01-31", "source": "s"}, 'must be an object with "as_of"'),
        ({**_table(), "extra": 1}, "and nothing else"),
        ({**_table(), "source": 3}, '"source" must be text'),
        ({**_table(), "models": []}, '"models" an object'),
        ({**_table(), "as_of": "soon"}, """"as_of" must be the day.*got 'soon'"""),
        ({**_table(), "as_of": 20260131}, "got 20260131"),
        (_table(m=3), r"model 'm': a price is an object .*got 3"),
        (_table(m={"input": 1}), "a price is an object"),
        (_table(m={"input": 1, "output": 1, "batch": 1}), "a price is an object"),
        (_table(m={"input": -1, "output": 1}), r"model 'm': the price 'input' must be .*at least 0, got -1"),
        (_table(m={"input": 1, "output": "2"}), "the price 'output' must be .*got '2'"),
        (_table(m={"input": 1, "output": True}), "the price 'output' must be .*got True"),
        (_table(m={"input": float("nan"), "output": 1}), "the price 'input' must be .*got nan"),
    ],
)
def test_each_fault_of_a_file_is_told_in_a_sentence(tmp_path: Path, content: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        prices(_written(tmp_path, content))


def test_a_file_that_is_missing_or_not_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the price file .*gone\.json cannot be read"):
        prices(tmp_path / "gone.json")
    (tmp_path / "raw.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read as UTF-8 text"):
        prices(tmp_path / "raw.json")


def test_a_table_can_be_handed_in() -> None:
    table = PriceTable(as_of=date(2026, 1, 1), source="here", models={"m": Price(input=1, output=2)})

    assert cost_usd("m", TokenUsage(input_tokens=500_000, output_tokens=500_000), table=table) == 1.5
