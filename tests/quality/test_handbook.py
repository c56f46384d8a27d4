"""The project's own retrieval, against its last measured quality; each planted fault must be seen.

The questions were written for these pages: some in a reader's own words, some as keywords in other inflections than the
pages have, so that either arm of the search can be missed. After a change that is meant to move the numbers:

    pytest tests/quality --ragkit-update-baselines
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ragkit.encoder import Vectors
from ragkit.evaluate.outcome import Row
from ragkit.store.collection import Collection
from ragkit.testing.plugin import Quality
from ragkit.text.analyse import Analyser

from .conftest import HANDBOOK, QUESTIONS, Measure

BASELINE = Path(__file__).with_name("handbook.json")
"""Per question, with the default settings of the library."""


@pytest.fixture
def guard() -> Callable[[list[Row]], None]:
    """Check against the baseline; never writes one, whatever pytest was asked."""

    def check(rows: list[Row]) -> None:
        Quality(Path(), update=False).check(rows, baseline=BASELINE)

    return check


def test_the_handbook_is_found_as_well_as_before(
    ragkit_quality: Quality, handbook: Collection, measure: Measure
) -> None:
    ragkit_quality.check(measure(handbook), baseline=BASELINE)


def test_the_questions_cover_every_page_once_per_id() -> None:
    assert {question["page"] for question in QUESTIONS} == {path.name for path in HANDBOOK.glob("[0-9]*.md")}
    assert len({question["id"] for question in QUESTIONS}) == len(QUESTIONS) == 139


def test_rounding_of_another_machine_is_no_loss(
    handbook: Collection, measure: Measure, vectors: Vectors, guard: Callable[[list[Row]], None]
) -> None:
    # bfloat16 keeps 8 bits: engines differ by up to 0.4 % of a component.
    noise = np.random.default_rng(0).uniform(-0.004, 0.004, vectors.shape).astype(np.float32)
    guard(measure(handbook, vectors * (1 + noise)))


def test_words_that_are_not_stemmed_are_seen(
    indexed: Callable[..., Collection], measure: Measure, guard: Callable[[list[Row]], None]
) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"Quality was lost: RR@10 bm25\."):
        guard(measure(indexed(analyser=Analyser(stem=False))))


def test_vectors_of_other_questions_are_seen(
    handbook: Collection, measure: Measure, vectors: Vectors, guard: Callable[[list[Row]], None]
) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"Quality was lost: RR@10 hybrid, RR@10 dense\."):
        guard(measure(handbook, np.roll(vectors, 7, axis=0)))


def test_pages_under_the_names_of_others_are_seen(
    indexed: Callable[..., Collection], measure: Measure, guard: Callable[[list[Row]], None], tmp_path: Path
) -> None:
    pages = sorted(HANDBOOK.glob("[0-9]*.md"))
    for page, name in zip(pages, [*pages[1:], pages[0]], strict=True):
        shutil.copyfile(page, tmp_path / name.name)
    with pytest.raises(pytest.fail.Exception, match=r"Quality was lost: RR@10 hybrid, RR@10 dense, RR@10 bm25\."):
        guard(measure(indexed(tmp_path)))
