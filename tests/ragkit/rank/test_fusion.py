from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import InputError
from ragkit.rank.fusion import convex_combination, convex_scores, reciprocal_rank_fusion, reciprocal_rank_scores
from ragkit.types import ArmScore, Hit

if TYPE_CHECKING:
    from collections.abc import Sequence

bounded = settings(max_examples=60, deadline=None)


def run_of(arm: str, *scored: tuple[str, float]) -> list[Hit]:
    return [
        Hit(doc_id=name, chunk_id=f"{name}#0", score=score, rank=rank, arms={arm: ArmScore(score, rank)})
        for rank, (name, score) in enumerate(scored, start=1)
    ]


def pairs(hits: Sequence[Hit]) -> list[tuple[str, float]]:
    return [(hit.doc_id, hit.score) for hit in hits]


DENSE = run_of("dense", ("a", 0.9), ("b", 0.7), ("c", 0.5))
BM25 = run_of("bm25", ("c", 12.0), ("a", 6.0), ("d", 4.0))


@st.composite
def runs_of_hits(draw: st.DrawFn, arm: str = "dense") -> list[Hit]:
    names = draw(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8))
    # sixteenths: sums and differences are exact, so equal means equal
    scores = draw(st.lists(st.integers(-64, 64), min_size=len(names), max_size=len(names)))
    scored = sorted(zip(names, [score / 16 for score in scores], strict=True), key=lambda pair: (-pair[1], pair[0]))
    return run_of(arm, *scored)


# --- reciprocal rank fusion


def test_rrf_sums_reciprocal_ranks() -> None:
    # a: 1/61 + 1/62; c: 1/63 + 1/61; b: 1/62; d: 1/63
    assert pairs(reciprocal_rank_fusion([DENSE, BM25], k=4)) == [
        ("a", pytest.approx(0.0325224748810153)),
        ("c", pytest.approx(0.0322664584959667)),
        ("b", pytest.approx(0.0161290322580645)),
        ("d", pytest.approx(0.0158730158730159)),
    ]


def test_rrf_with_constant_0_gives_1_for_the_first_place() -> None:
    assert pairs(reciprocal_rank_fusion([DENSE], k=2, constant=0.0)) == [("a", 1.0), ("b", 0.5)]


def test_rrf_weights_multiply_each_list() -> None:
    fused = reciprocal_rank_fusion([DENSE, BM25], k=1, constant=1.0, weights=[0.0, 3.0])
    assert pairs(fused) == [("c", 1.5)]


def test_rrf_reads_places_not_scores_or_ranks() -> None:
    upside_down = run_of("dense", ("a", 0.1), ("b", 0.9))
    assert [hit.doc_id for hit in reciprocal_rank_fusion([upside_down], k=2)] == ["a", "b"]


def test_rrf_of_nothing_is_nothing() -> None:
    assert reciprocal_rank_fusion([], k=3) == []
    assert reciprocal_rank_fusion([[], []], k=3) == []


@pytest.mark.parametrize("constant", [-1.0, float("inf"), float("nan")])
def test_rrf_refuses_a_constant_that_cannot_be(constant: float) -> None:
    with pytest.raises(InputError, match="constant must be at least 0 and finite, got"):
        reciprocal_rank_fusion([DENSE], k=1, constant=constant)


# --- convex combination


def test_convex_combination_scales_each_list_by_its_own_best_and_lowest() -> None:
    # dense: a 1, b .5, c 0; bm25: c 1, a .25, d 0; halves of each
    assert pairs(convex_combination([DENSE, BM25], k=4)) == [
        ("a", pytest.approx(0.625)),
        ("c", pytest.approx(0.5)),
        ("b", pytest.approx(0.25)),
        ("d", 0.0),
    ]


def test_convex_combination_with_a_floor_divides_by_the_best_score() -> None:
    # bm25 with floor 0: c 1, a .5, d 1/3
    assert pairs(convex_combination([DENSE, BM25], k=4, floors=[None, 0.0])) == [
        ("a", pytest.approx(0.75)),
        ("c", pytest.approx(0.5)),
        ("b", pytest.approx(0.25)),
        ("d", pytest.approx(1 / 6)),
    ]


def test_convex_combination_weighs_lists_by_their_share_of_the_weights() -> None:
    assert pairs(convex_combination([DENSE, BM25], k=1, weights=[1.0, 3.0])) == [("c", pytest.approx(0.75))]


def test_a_floor_above_the_lowest_score_is_lowered_to_it() -> None:
    run = run_of("bm25", ("a", 3.0), ("b", 1.0))
    assert pairs(convex_combination([run], k=2, floors=[2.0])) == [("a", 1.0), ("b", 0.0)]


def test_a_list_of_one_hit_scores_its_whole_weight() -> None:
    assert pairs(convex_combination([run_of("dense", ("a", -0.3))], k=1)) == [("a", 1.0)]


def test_a_list_of_equal_scores_scores_its_whole_weight_each() -> None:
    run = run_of("bm25", ("b", 2.0), ("a", 2.0))
    assert pairs(convex_combination([run], k=2)) == [("a", 1.0), ("b", 1.0)]


def test_a_hit_missing_from_a_list_scores_what_the_lists_lowest_scores() -> None:
    other = run_of("bm25", ("x", 5.0), ("lowest", 1.0))
    dense = run_of("dense", ("x", 0.2), ("lowest", 0.9), ("missing", 0.9))
    fused = {hit.doc_id: hit.score for hit in convex_combination([dense, other], k=3)}
    assert fused["missing"] == fused["lowest"] == 0.5


def test_a_hit_absent_from_a_list_can_be_given_a_score_on_that_lists_scale() -> None:
    # b is not in bm25, which scaled from 0 has c 1, a .5, d 1/3: b counts as 3, a quarter of the best
    fused = {
        hit.doc_id: hit.score for hit in convex_combination([DENSE, BM25], k=4, floors=[0.0, 0.0], absent=[None, 3.0])
    }
    assert fused["b"] == pytest.approx((0.7 / 0.9 + 0.25) / 2)


def test_an_absent_score_is_kept_between_floor_and_best() -> None:
    runs = [DENSE, BM25]
    assert convex_combination(runs, k=4, absent=[None, -9.0]) == convex_combination(runs, k=4)
    assert convex_combination(runs, k=4, absent=[None, 99.0]) == convex_combination(runs, k=4, absent=[None, 12.0])


def test_a_list_of_equal_scores_scores_0_for_a_hit_absent_below_them() -> None:
    fused = convex_combination([DENSE, run_of("bm25", ("a", 2.0))], k=4, absent=[None, 1.0])
    assert pairs(fused)[1] == ("b", pytest.approx(0.25))


def test_an_empty_list_adds_nothing_whatever_an_absent_hit_scores() -> None:
    assert pairs(convex_combination([DENSE, []], k=1, absent=[None, 5.0])) == [("a", 0.5)]


def test_convex_combination_wants_one_absent_score_per_run() -> None:
    with pytest.raises(InputError, match="got 3 absent scores for 2 runs: pass one per run"):
        convex_combination([DENSE, BM25], k=1, absent=[0.0, 0.0, 0.0])


def test_convex_combination_of_nothing_is_nothing() -> None:
    assert convex_combination([], k=3) == []
    assert convex_combination([[], []], k=3, floors=[None, 0.0]) == []


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_convex_combination_refuses_a_score_that_is_not_finite(score: float) -> None:
    with pytest.raises(InputError, match="score or a floor that is not finite"):
        convex_combination([run_of("dense", ("a", score))], k=1)


def test_convex_combination_refuses_scores_too_far_apart_to_scale() -> None:
    with pytest.raises(InputError, match=r"scores from -1e\+308 to 1e\+308: too far apart to scale"):
        convex_combination([run_of("dense", ("a", 1e308), ("b", -1e308))], k=1)


def test_equal_scores_are_ordered_by_doc_id_then_chunk_id() -> None:
    chunks = [("b", "b#0"), ("a", "a#2"), ("a", "a#1")]
    run = [Hit(doc_id=doc_id, chunk_id=name, score=1.0, rank=1) for doc_id, name in chunks]
    assert [hit.chunk_id for hit in convex_combination([run], k=3)] == ["a#1", "a#2", "b#0"]


def test_where_two_lists_speak_of_one_arm_the_earlier_list_is_right() -> None:
    first, second = run_of("dense", ("a", 0.9)), run_of("dense", ("a", 0.1))
    assert reciprocal_rank_fusion([first, second], k=1)[0].arms == {"dense": ArmScore(0.9, 1)}


def test_convex_combination_refuses_a_floor_that_is_not_finite() -> None:
    with pytest.raises(InputError, match="score or a floor that is not finite"):
        convex_combination([DENSE], k=1, floors=[float("-inf")])


def test_convex_combination_wants_one_floor_per_run() -> None:
    with pytest.raises(InputError, match="got 1 floors for 2 runs: pass one per run"):
        convex_combination([DENSE, BM25], k=1, floors=[0.0])


# --- both


def test_a_fused_hit_keeps_what_every_arm_said() -> None:
    fused = convex_combination([DENSE, BM25], k=1)
    assert fused[0].arms == {"dense": ArmScore(0.9, 1), "bm25": ArmScore(6.0, 2)}


def test_an_arm_that_did_not_find_a_hit_is_absent() -> None:
    fused = {hit.doc_id: hit for hit in reciprocal_rank_fusion([DENSE, BM25], k=4)}
    assert list(fused["d"].arms) == ["bm25"]


def test_a_list_of_weight_0_adds_no_hits_but_its_arms_are_kept() -> None:
    fused = convex_combination([DENSE, BM25], k=9, weights=[1.0, 0.0])
    assert [(hit.doc_id, sorted(hit.arms)) for hit in fused] == [
        ("a", ["bm25", "dense"]),
        ("b", ["dense"]),
        ("c", ["bm25", "dense"]),
    ]


def test_two_documents_with_the_same_text_stay_two_hits() -> None:
    twins = [Hit(doc_id=name, score=1.0, rank=rank, text="same") for rank, name in enumerate("ab", start=1)]
    assert [hit.doc_id for hit in reciprocal_rank_fusion([twins], k=2)] == ["a", "b"]


def test_hits_without_chunks_are_joined_by_doc_id() -> None:
    one = [Hit(doc_id="a", score=1.0, rank=1)]
    assert len(convex_combination([one, one], k=2)) == 1


def test_two_chunks_of_one_document_stay_two_hits() -> None:
    chunks = [Hit(doc_id="a", chunk_id=name, score=1.0, rank=1) for name in ("a#1", "a#2")]
    assert [hit.chunk_id for hit in convex_combination([chunks], k=2)] == ["a#1", "a#2"]


def test_the_lists_given_are_not_changed() -> None:
    before = list(DENSE)
    convex_combination([DENSE, BM25], k=2)
    assert before == DENSE


def test_fusing_refuses_a_list_that_repeats_a_hit() -> None:
    with pytest.raises(InputError, match="a run holds a#0 twice: pass each hit once per run"):
        reciprocal_rank_fusion([run_of("dense", ("a", 2.0), ("a", 1.0))], k=1)


def test_fusing_refuses_k_below_1() -> None:
    with pytest.raises(InputError, match=r"k must be at least 1, got 0\."):
        convex_combination([DENSE], k=0)


def test_fusing_wants_one_weight_per_run() -> None:
    with pytest.raises(InputError, match="got 1 weights for 2 runs: pass one per run"):
        reciprocal_rank_fusion([DENSE, BM25], k=1, weights=[1.0])


@pytest.mark.parametrize("weight", [-0.5, float("inf"), float("nan")])
def test_fusing_refuses_a_weight_that_cannot_be(weight: float) -> None:
    with pytest.raises(InputError, match="weight must be at least 0 and finite, got"):
        convex_combination([DENSE, BM25], k=1, weights=[1.0, weight])


def test_fusing_refuses_weights_that_are_all_0() -> None:
    with pytest.raises(InputError, match="all weights are 0: give at least one run a weight above 0"):
        reciprocal_rank_fusion([DENSE, BM25], k=1, weights=[0.0, 0.0])


# --- properties


@bounded
@given(runs_of_hits(), runs_of_hits("bm25"), runs_of_hits("third"))
def test_swapping_lists_of_equal_weight_changes_no_order_and_no_score(
    first: list[Hit], second: list[Hit], third: list[Hit]
) -> None:
    for fuse in (reciprocal_rank_fusion, convex_combination):
        straight = fuse([first, second, third], k=24)
        assert pairs(straight) == pairs(fuse([third, first, second], k=24))


@bounded
@given(runs_of_hits(), runs_of_hits("bm25"))
def test_all_the_weight_on_one_list_reproduces_that_list(first: list[Hit], second: list[Hit]) -> None:
    for fuse in (reciprocal_rank_fusion, convex_combination):
        assert [hit.doc_id for hit in fuse([first, second], k=8, weights=[1.0, 0.0])] == [hit.doc_id for hit in first]
        assert [hit.doc_id for hit in fuse([first, second], k=8, weights=[0.0, 1.0])] == [hit.doc_id for hit in second]


@bounded
@given(runs_of_hits(), runs_of_hits("bm25"), st.integers(1, 16))
def test_a_smaller_k_gives_the_beginning_of_the_same_list(first: list[Hit], second: list[Hit], k: int) -> None:
    for fuse in (reciprocal_rank_fusion, convex_combination):
        assert fuse([first, second], k=k) == fuse([first, second], k=16)[:k]


@bounded
@given(runs_of_hits(), runs_of_hits("bm25"), st.floats(0.0, 1.0))
def test_convex_scores_are_fractions_and_ranks_count_up(first: list[Hit], second: list[Hit], weight: float) -> None:
    fused = convex_combination([first, second], k=16, weights=[weight, 1.0 - weight])
    assert all(0.0 <= hit.score <= 1.0 for hit in fused)
    assert [hit.rank for hit in fused] == list(range(1, len(fused) + 1))


@bounded
@given(runs_of_hits(), runs_of_hits("bm25"), st.sampled_from([0.5, 2.0, 8.0]), st.integers(-4, 4))
def test_convex_combination_ignores_the_unit_and_the_zero_of_a_lists_scores(
    first: list[Hit], second: list[Hit], factor: float, shift: int
) -> None:
    moved = run_of("bm25", *[(hit.doc_id, hit.score * factor + shift) for hit in second])
    assert pairs(convex_combination([first, moved], k=16)) == pairs(convex_combination([first, second], k=16))


@bounded
@given(runs_of_hits(), runs_of_hits("bm25"), st.integers(0, 16))
def test_convex_combination_equals_a_second_implementation(
    first: list[Hit], second: list[Hit], sixteenths: int
) -> None:
    weight = sixteenths / 16

    def scaled(run: list[Hit]) -> dict[str, float]:
        table = {hit.doc_id: hit.score for hit in run}
        low, high = min(table.values(), default=0.0), max(table.values(), default=0.0)
        return {name: 1.0 if low == high else (score - low) / (high - low) for name, score in table.items()}

    dense, bm25 = scaled(first), scaled(second)
    names = (set(dense) if weight > 0 else set()) | (set(bm25) if weight < 1 else set())
    expected = {name: weight * dense.get(name, 0.0) + (1 - weight) * bm25.get(name, 0.0) for name in names}
    fused = convex_combination([first, second], k=16, weights=[weight, 1 - weight])
    assert {hit.doc_id: pytest.approx(hit.score) for hit in fused} == expected
    assert [hit.score for hit in fused] == sorted((hit.score for hit in fused), reverse=True)


@bounded
@given(st.lists(runs_of_hits(), max_size=4))
def test_rrf_equals_a_second_implementation_and_stays_in_its_bound(runs: list[list[Hit]]) -> None:
    expected: dict[str, float] = {}
    for run in runs:
        for place, hit in enumerate(run):
            expected[hit.doc_id] = expected.get(hit.doc_id, 0.0) + 1 / (61 + place)
    fused = reciprocal_rank_fusion(runs, k=8)
    assert {hit.doc_id: pytest.approx(hit.score) for hit in fused} == expected
    assert all(0.0 < hit.score <= len(runs) / 61 + 1e-12 for hit in fused)


@given(runs_of_hits(), runs_of_hits("bm25"), st.integers(0, 16))
def test_scores_of_keys_are_those_of_hits(first: list[Hit], second: list[Hit], sixteenths: int) -> None:
    weights = [sixteenths / 16, 1 - sixteenths / 16]
    tables = [{hit.chunk_id or hit.doc_id: hit.score for hit in run} for run in (first, second)]
    fused = convex_combination([first, second], k=99, weights=weights)
    assert {hit.chunk_id or hit.doc_id: hit.score for hit in fused} == convex_scores(tables, weights=weights)
    fused = reciprocal_rank_fusion([first, second], k=99, weights=weights)
    by_rank = reciprocal_rank_scores([list(table) for table in tables], weights=weights)
    assert {hit.chunk_id or hit.doc_id: hit.score for hit in fused} == by_rank
