from __future__ import annotations

import json
import math
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from evals.benchmarks.measure import Outcome
from evals.benchmarks.report import (
    Column,
    Part,
    Row,
    claims,
    compare,
    markdown,
    median_row,
    number,
    ratio,
    save,
    table,
    versions_in,
)

COLUMNS = [Column("ms", "p50 ms"), Column("mb", "memory MB", 0)]


def outcomes(*times: float) -> list[Outcome]:
    return [Outcome(numbers={"ms": time, "rate": 1 / time}, found=[["hit"]]) for time in times]


def part(name: str = "search", **given: object) -> Part:
    values: dict[str, object] = {
        "name": name,
        "title": name.title(),
        "about": "Ten chunks.",
        "settings": {"ragkit": "durable"},
        "columns": COLUMNS,
        "rows": [Row("ragkit", {"ms": 1.25, "mb": 340.0}), Row("Peer", {"ms": 250.0})],
        **given,
    }
    return Part(**values)  # type: ignore[arg-type]


def test_the_median_of_the_rounds_counts_number_by_number() -> None:
    rounds = [Outcome(numbers={"ms": ms, "mb": mb}) for ms, mb in ((3.0, 1.0), (1.0, 9.0), (2.0, 5.0))]
    assert median_row("side", rounds) == Row("side", {"ms": 2.0, "mb": 5.0})


def test_a_number_that_one_round_lacks_has_no_median() -> None:
    rounds = [Outcome(numbers={"ms": 1.0, "mb": 1.0}), Outcome(numbers={"ms": 2.0})]
    assert median_row("side", rounds).values == {"ms": 1.5}


def test_a_ratio_is_taken_round_by_round_and_above_one_where_the_side_is_better() -> None:
    faster = ratio("time", ("ragkit", outcomes(1, 2, 10)), ("Peer", outcomes(10, 10, 10)), "ms")
    assert faster.rounds == [10, 5, 1]
    assert faster.median == 5
    rate = ratio("rate", ("ragkit", outcomes(1, 2, 10)), ("Peer", outcomes(10, 10, 10)), "rate", more=True)
    assert [round(one, 9) for one in rate.rounds] == [10, 5, 1]


def test_a_ratio_to_nothing_is_no_number() -> None:
    free = ratio("time", ("ragkit", [Outcome(numbers={"ms": 0.0})]), ("Peer", outcomes(1)), "ms")
    assert math.isnan(free.median)


def test_claims_stand_in_one_line_for_each_thing_compared_with_every_round() -> None:
    peers = [("Peer", outcomes(10, 10)), ("Other", outcomes(3, 2))]
    ratios = [ratio("time", ("ragkit", outcomes(1, 2)), peer, "ms") for peer in peers]
    rate = ratio("rate", ("ragkit", outcomes(2)), ("Peer", outcomes(8)), "rate", more=True)
    assert claims([ratios[0], rate, ratios[1]]) == [
        "time, ragkit to Peer **7.50x** (10.0, 5.00); Other **2.00x** (3.00, 1.00)",
        "rate, ragkit to Peer **4.00x**",
    ]


def test_only_sides_that_ran_and_numbers_that_both_have_are_compared() -> None:
    done = {"ragkit": outcomes(1), "Peer": outcomes(4), "Other": [Outcome(numbers={"mb": 1.0})]}
    found = compare(done, "ragkit", ["Peer", "Other", "Absent"], {"ms": "time"}, more=False)
    assert [(one.peer, one.median) for one in found] == [("Peer", 4.0)]
    assert compare(done, "Absent", ["Peer"], {"ms": "time"}, more=False) == []


def test_numbers_keep_three_figures() -> None:
    shown = [number(value) for value in (0.0, 0.0421, 0.5, 3.14159, 99.96, 271.8, 12345.6, float("nan"))]
    assert shown == ["0", "0.042", "0.50", "3.14", "100.0", "272", "12,346", "-"]
    assert number(71.82, 0) == "72"


@given(st.floats(min_value=1e-3, max_value=1e9))
def test_a_shown_number_is_near_the_number(value: float) -> None:
    assert math.isclose(float(number(value, 4).replace(",", "")), value, rel_tol=6e-3, abs_tol=6e-6)


def test_a_table_is_markdown_whose_columns_stand_in_line() -> None:
    assert table(["", "ms"], [["ragkit", "1.2"], ["a long name", "250"]]) == [
        "|             |  ms |",
        "| ----------- | --: |",
        "| ragkit      | 1.2 |",
        "| a long name | 250 |",
    ]


def test_a_part_shows_table_ratios_settings_and_what_failed() -> None:
    claim = ratio("time", ("ragkit", outcomes(1)), ("Peer", outcomes(200)), "ms")
    text = markdown(
        part(ratios=[claim], notes=["Read this."], failures={"Broken": "no wheel"}, versions={"faiss": "1"})
    )
    assert "| ragkit |   1.25 |       340 |" in text
    assert "| Peer   |    250 |         - |" in text
    assert "- time, ragkit to Peer **200x**\n- Read this." in text
    assert "- **ragkit**: durable" in text
    assert "Not measured:\n\n- **Broken**: no wheel" in text
    assert "Versions: faiss 1" in text


def test_many_measures_stand_below_one_another() -> None:
    text = markdown(part(measures_down=True))
    assert "|           | ragkit | Peer |" in text
    assert "| memory MB |    340 |    - |" in text


def test_versions_of_sides_that_differ_are_both_told() -> None:
    done = {
        "a": [Outcome(numbers={}, versions={"torch": "2.13", "faiss": "1"})],
        "b": [Outcome(numbers={}, versions={"torch": "2.12"})],
    }
    assert versions_in(done) == {"faiss": "1", "torch": "2.12 and 2.13"}


def test_parts_of_several_runs_join_in_order_and_a_new_one_replaces_its_own(tmp_path: Path) -> None:
    order = ["ingest", "search"]
    save(part("search", about="Old."), tmp_path, order)
    save(part("ingest"), tmp_path, order)
    save(part("search", about="New."), tmp_path, order)
    text = (tmp_path / "benchmarks.md").read_text()
    assert text.index("## Ingest") < text.index("## Search")
    assert "New." in text
    assert "Old." not in text
    values = json.loads((tmp_path / "benchmarks.json").read_text())
    assert list(values) == order
    assert values["search"]["rows"][1]["values"] == {"ms": 250.0}


def test_what_is_no_number_is_null_in_json_and_hits_stay_out(tmp_path: Path) -> None:
    rounds = {"ragkit": [Outcome(numbers={"ms": float("nan")}, found=[["hit"]])]}
    save(part(rounds=rounds), tmp_path, ["search"])
    kept = json.loads((tmp_path / "parts" / "search.json").read_text())["rounds"]["ragkit"]
    assert kept == [{"numbers": {"ms": None}, "words": {}, "versions": {}}]
