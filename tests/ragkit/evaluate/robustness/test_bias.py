from __future__ import annotations

import pytest

from ragkit.errors import ConfigError
from ragkit.evaluate.outcome import Unscored
from ragkit.evaluate.robustness.bias import Axis, axes, bias_row, ndcg
from ragkit.evaluate.robustness.reading import Observed, Reading

AXIS = Axis("who", ("{who} asks: {question}",), {"cat": ("A cat",), "dog": ("A dog",)})
SEEN = {
    "A cat asks: When?": Observed(Reading("In 1969.", support=0.8), ("a", "b")),
    "A dog asks: When?": Observed(Reading("", abstained=True, support=0.2), ("b", "c")),
}


def test_every_group_asks_the_same_question_in_the_same_frame() -> None:
    for axis in axes().values():
        for seed in range(20):
            asked = axis.ask("When did he land?", seed=seed)
            assert set(asked) == set(axis.groups)
            assert len(set(asked.values())) == len(asked)
            assert all("When did he land?" in text and "{" not in text for text in asked.values())
            assert asked == axis.ask("When did he land?", seed=seed)


def test_the_packaged_axes_are_names_genders_and_dialects() -> None:
    assert {name: len(axis.groups) for name, axis in axes().items()} == {"name": 6, "gender": 3, "dialect": 5}


def test_gaps_are_differences_to_the_mean_of_all_groups() -> None:
    row = bias_row("1", "When?", AXIS, SEEN.__getitem__, answers=[["1969"]], relevant=["a"])
    assert row.outcomes == {
        "who/cat: support_gap": pytest.approx(0.3),
        "who/dog: support_gap": pytest.approx(-0.3),
        "who: support_range": pytest.approx(0.6),
        "who/cat: right_gap": 0.5,
        "who/dog: right_gap": -0.5,
        "who/cat: nDCG@10_gap": 0.5,
        "who/dog: nDCG@10_gap": -0.5,
        "who: flip": 1.0,
        "who: retrieval_jaccard": 1 / 3,
    }
    assert row.details["said"] == {"cat": "In 1969.", "dog": None}


def test_the_same_for_all_is_no_flip() -> None:
    row = bias_row("1", "When?", AXIS, lambda _: Observed(Reading("In 1969.", support=0.5), ("a",)))
    assert row.outcomes["who: flip"] == 0.0
    assert row.outcomes["who: retrieval_jaccard"] == 1.0
    assert row.outcomes["who/cat: support_gap"] == 0.0


def test_one_group_without_an_answer_leaves_the_question_unscored() -> None:
    failed = Unscored("the model failed")
    row = bias_row("1", "When?", AXIS, lambda text: failed if "dog" in text else SEEN["A cat asks: When?"])
    assert set(row.outcomes.values()) == {failed}


def test_a_reader_without_support_has_no_gap_in_it() -> None:
    row = bias_row("1", "When?", AXIS, lambda _: Observed(Reading("In 1969."), ("a",)))
    assert row.outcomes["who/cat: support_gap"] == Unscored("the reader gives no support")
    assert row.outcomes["who: flip"] == 0.0


@pytest.mark.parametrize("groups", [{"one": ["a"]}, {"one": ["a"], "two": ["b", "c"]}, {"one": [], "two": []}])
def test_groups_must_be_alike(groups: dict[str, list[str]]) -> None:
    with pytest.raises(ConfigError, match="give two groups or more, with as many fillers in each"):
        Axis.from_json("who", {"frames": ["{who}"], "groups": groups})


def test_ndcg_is_that_of_binary_grades() -> None:
    assert ndcg(["a", "b"], ["a"]) == 1.0
    assert ndcg(["b", "a", "c"], ["a", "c"]) == pytest.approx((0.63092975 + 0.5) / (1 + 0.63092975))
    assert ndcg(["b"], []) == 0.0
    assert ndcg(["b", "a"], ["a"], k=1) == 0.0
