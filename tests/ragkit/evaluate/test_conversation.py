from __future__ import annotations

import pytest

from ragkit.evaluate.conversation import as_asked, condense_row, with_all_turns, with_last_turn
from ragkit.evaluate.data.dialogue import Rewrite, Turn
from ragkit.evaluate.measures.rouge import Rouge
from ragkit.evaluate.outcome import Unscored

HISTORY = (
    Turn("user", "Who was Ada?"),
    Turn("agent", "A countess."),
    Turn("user", "Of what?"),
    Turn("agent", "Lovelace."),
)
ITEM = Rewrite("1", HISTORY, "When was she born?", "When was Ada Lovelace born?")
ROUGE = Rouge(["rougeL"])


def test_a_question_takes_as_much_of_the_history_as_it_is_told_to() -> None:
    assert as_asked(HISTORY, "When?") == "When?"
    assert with_last_turn(HISTORY, "When?") == "Of what? When?"
    assert with_all_turns(HISTORY, "When?") == "Who was Ada? Of what? When?"
    assert with_last_turn((), "When?") == with_all_turns((), "When?") == "When?"


def test_what_a_person_wrote_is_the_measure() -> None:
    row = condense_row(ITEM, as_asked, ROUGE)
    # "when was ... born" is shared: 3 of 4 words said, 3 of 5 words wanted
    assert row.outcomes["rougeL"] == pytest.approx(2 * (3 / 4) * (3 / 5) / (3 / 4 + 3 / 5))
    assert row.details == {
        "question": "When was she born?",
        "said": "When was she born?",
        "gold": "When was Ada Lovelace born?",
    }
    perfect = condense_row(ITEM, lambda history, question: "When was Ada Lovelace born?", ROUGE)
    assert perfect.outcomes == {"rougeL": 1.0, "BLEU": pytest.approx(1.0)}


def test_a_condenser_that_fails_leaves_the_row_unscored() -> None:
    failed = Unscored("the model failed")
    row = condense_row(ITEM, lambda history, question: failed, ROUGE)
    assert row.outcomes == {"rougeL": failed, "BLEU": failed}
    assert row.details["said"] is None
