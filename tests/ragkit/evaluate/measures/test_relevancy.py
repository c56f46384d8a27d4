from __future__ import annotations

import numpy as np
import pytest

from ragkit.errors import InputError
from ragkit.evaluate.measures.relevancy import answer_relevancy

ASKED = np.array([1.0, 0.0], dtype=np.float32)
MADE = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], dtype=np.float32)


def test_relevancy_is_the_mean_cosine_with_the_questions_made() -> None:
    assert answer_relevancy(ASKED, MADE, [False, True, False]) == pytest.approx((1 + 0.8 + 0) / 3)


def test_relevancy_is_0_where_every_question_calls_the_answer_noncommittal() -> None:
    assert answer_relevancy(ASKED, MADE, [True, True, True]) == 0.0


def test_relevancy_of_no_question_is_refused() -> None:
    with pytest.raises(InputError, match="needs at least one question made from the answer"):
        answer_relevancy(np.ones(2, dtype=np.float32), np.ones((0, 2), dtype=np.float32), [])
