from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence

import ir_measures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import ConfigError, InputError
from ragkit.evaluate.measures.retrieval import canonical, default_measures, ranked, score_rankings

EVERY = ("nDCG@10", "nDCG", "RR@10", "RR", "AP", "AP@5", "R@10", "R@100", "P@10", "Success@1", "Judged@10", "Rprec")


def one(documents: Sequence[str], grades: Mapping[str, int], measures: Sequence[str]) -> dict[str, float]:
    return score_rankings({"q": documents}, {"q": grades}, measures)["q"]


def test_ndcg_is_linear_gain_over_the_ideal_order_of_all_judged() -> None:
    # the published example: ideal 3, 2, 1 returned in reverse is 0.7900 with linear gain, 0.6806 with exponential
    assert one(["a", "b", "c"], {"c": 3, "b": 2, "a": 1}, ["nDCG@10"])["nDCG@10"] == pytest.approx(0.7900, abs=5e-5)


def test_a_hand_worked_query_has_the_values_on_paper() -> None:
    # relevant: b and d (grade 1) and x, never retrieved; ranks 2 and 4 of five
    scores = one(list("abcde"), {"b": 1, "d": 1, "x": 1, "c": 0}, canonical(["nDCG@5", *EVERY]))
    gain = 1 / math.log2(3) + 1 / math.log2(5)
    assert scores["nDCG@5"] == pytest.approx(gain / (1 + 1 / math.log2(3) + 1 / math.log2(4)))
    assert scores["RR@10"] == 0.5
    assert scores["AP"] == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert scores["R@10"] == pytest.approx(2 / 3)
    assert scores["P@10"] == 0.2  # of ten, also where five were returned
    assert scores["Success@1"] == 0.0
    assert scores["Judged@10"] == pytest.approx(3 / 5)


def test_binary_measures_of_deep_learning_count_grades_from_two_and_ndcg_all() -> None:
    scores = one(["a", "b"], {"a": 1, "b": 2}, default_measures(relevant_from=2))
    assert scores["RR(rel=2)@10"] == 0.5
    assert scores["AP(rel=2)"] == 0.5
    assert scores["nDCG@10"] == pytest.approx((1 + 2 / math.log2(3)) / (2 + 1 / math.log2(3)))


def test_queries_without_results_or_without_anything_relevant_count_zero() -> None:
    found = score_rankings({"empty": [], "nothing": ["a"]}, {"gone": {"a": 1}, "empty": {"a": 1}, "nothing": {"a": 0}},
                           default_measures())  # fmt: skip
    assert list(found) == ["gone", "empty", "nothing"]
    assert set(found["gone"].values()) == set(found["empty"].values()) == {0.0}
    assert found["nothing"] == {**dict.fromkeys(default_measures(), 0.0), "Judged@10": 1.0}


def test_queries_without_judgments_are_left_out() -> None:
    assert score_rankings({"other": ["a"]}, {"q": {"a": 1}}, ["RR@10"]) == {"q": {"RR@10": 0.0}}
    assert score_rankings({}, {}, ["RR@10"]) == {}


def test_ties_are_ordered_as_trec_eval_does_by_falling_id_in_bytes() -> None:
    assert ranked("q", ["a", "b", "é", "z"], [1.0, 1.0, 1.0, 2.0]) == ["z", "é", "b", "a"]
    assert ranked("q", ["10", "9"], [0.5, 0.5]) == ["9", "10"]
    assert ranked("q", ["a", "b"], [2.0, 1.0]) == ["a", "b"]
    assert ranked("q", [], []) == []


def test_a_document_listed_twice_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="query 'q7' lists document 'b' more than once"):
        ranked("q7", ["a", "b", "b"], [3.0, 2.0, 1.0])


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="query 'q' has a score that is not a number"):
        ranked("q", ["a", "b"], [float("nan"), 2.0])


@pytest.mark.parametrize(
    "name", ["foo", "P", "nDCG@0", "R@-1", "RR@x", "NumRet", "RR(rel=0)@10", "ERR@20", "import os", ""]
)
def test_what_is_no_measure_is_refused_with_the_ones_there_are(name: str) -> None:
    with pytest.raises(ConfigError, match="expected one of AP, Bpref, Judged, P, R, RR, Rprec, Success, nDCG"):
        canonical([name])


def test_names_are_those_of_ir_measures_each_once() -> None:
    assert canonical(["MAP", "AP", "NDCG@10", "RR(rel=1)@10"]) == ("AP", "nDCG@10", "RR@10")


def test_default_measures_go_no_deeper_than_the_run() -> None:
    assert "R@1000" in default_measures()
    assert "R(rel=2)@1000" in default_measures(relevant_from=2)
    assert default_measures(depth=100)[3:5] == ("R@10", "R@100")
    assert "R@100" not in default_measures(depth=10)
    assert canonical(default_measures()) == default_measures()


# A second implementation: the semantics of ms_marco_eval.py, written from its description.


def official_mrr(qrels: Mapping[str, Mapping[str, int]], run: Mapping[str, Sequence[str]]) -> float:
    total = 0.0
    for query, relevant in qrels.items():
        for rank, document in enumerate(run.get(query, [])[:10], start=1):
            if document in relevant:
                total += 1 / rank
                break
    return total / len(qrels)


grades = st.dictionaries(st.sampled_from("abcdefghijklmnop"), st.integers(0, 3), min_size=1)
orders = st.permutations("abcdefghijklmnop")


@given(st.lists(st.tuples(grades, orders, st.integers(0, 16)), min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_reciprocal_rank_is_that_of_the_official_script(cases: list[tuple[dict[str, int], list[str], int]]) -> None:
    qrels = {str(i): dict.fromkeys(judged, 1) for i, (judged, _, _) in enumerate(cases)}
    run = {str(i): order[:cut] for i, (_, order, cut) in enumerate(cases) if cut}
    found = score_rankings(run, qrels, ["RR@10"])
    assert sum(row["RR@10"] for row in found.values()) / len(qrels) == pytest.approx(official_mrr(qrels, run))


@given(grades, orders, st.integers(1, 16))
@settings(max_examples=50, deadline=None)
def test_values_are_those_of_ir_measures_called_directly(judged: dict[str, int], order: list[str], cut: int) -> None:
    run = {"q": {document: 100.0 - rank for rank, document in enumerate(order[:cut])}}
    wanted = {
        str(metric.measure): metric.value
        for name in EVERY
        for metric in ir_measures.iter_calc([ir_measures.parse_measure(name)], {"q": judged}, run)
    }
    assert one(order[:cut], judged, EVERY) == pytest.approx(wanted)


@given(grades, orders)
@settings(max_examples=50, deadline=None)
def test_values_lie_between_zero_and_one_and_the_ideal_order_is_one(judged: dict[str, int], order: list[str]) -> None:
    scores = one(order, judged, EVERY)
    assert all(0.0 <= value <= 1.0 for value in scores.values())
    ideal = one(sorted(order, key=lambda name: -judged.get(name, 0)), judged, EVERY)
    best = 1.0 if any(judged.values()) else 0.0
    assert [ideal[name] for name in ("nDCG@10", "RR", "AP", "Rprec")] == pytest.approx([best] * 4)


@given(grades, orders, st.data())
@settings(max_examples=50, deadline=None)
def test_moving_a_better_document_up_never_lowers_a_measure(
    judged: dict[str, int], order: list[str], data: st.DataObject
) -> None:
    place = data.draw(st.integers(1, len(order) - 1))
    above, below = order[place - 1], order[place]
    if judged.get(below, 0) < judged.get(above, 0):
        above, below = below, above
    worse = [*order[: place - 1], above, below, *order[place + 1 :]]
    better = [*order[: place - 1], below, above, *order[place + 1 :]]
    names = [name for name in EVERY if not name.startswith("Judged")]
    before, after = one(worse, judged, names), one(better, judged, names)
    assert all(after[name] >= before[name] - 1e-12 for name in names)


@given(grades, orders, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_values_do_not_depend_on_what_documents_are_called(
    judged: dict[str, int], order: list[str], dice: random.Random
) -> None:
    names = [f"doc-{number}" for number in range(len(order))]
    dice.shuffle(names)
    called = dict(zip("abcdefghijklmnop", names, strict=True))
    again = one([called[name] for name in order], {called[name]: grade for name, grade in judged.items()}, EVERY)
    assert again == one(order, judged, EVERY)


def test_a_long_list_keeps_its_order_in_32_bits() -> None:
    documents = [str(number) for number in range(20_000)]
    assert one(documents, {"15000": 1}, ["RR", "R@20000", "AP"]) == pytest.approx(
        {"RR": 1 / 15_001, "R@20000": 1.0, "AP": 1 / 15_001}
    )
