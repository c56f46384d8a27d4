from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ragkit.errors import InputError
from ragkit.memory import ChatHistories
from ragkit.memory.histories.names import name_of, user_of


def test_a_user_may_be_nobody_a_session_may_not() -> None:
    assert user_of("") == ""
    assert name_of("a", "session_id") == "a"
    with pytest.raises(InputError, match="session_id must be a text that is not empty, got ''"):
        name_of("", "session_id")


@pytest.mark.parametrize("wrong", [None, 0, b"", 7, "\ud800"])
def test_what_is_no_name_is_refused_wherever_one_is_given_and_never_means_nobody(wrong: Any) -> None:
    with ChatHistories() as histories:
        history = histories.session("s", user_id="ann")
        history.add_user_message("rain")
        for refused in (
            lambda: histories.session("s", user_id=wrong),
            lambda: histories.session(wrong),
            lambda: histories.erase_user(wrong),
            lambda: histories.erase_session(wrong, user_id="ann"),
            lambda: histories.erase_session("s", user_id=wrong),
            lambda: histories.export(user_id=wrong),
            lambda: histories.search("rain", user_id=wrong),
            lambda: history.put_note(wrong, 0, {}),
            lambda: history.note(wrong),
            lambda: history.drop_notes(wrong),
            lambda: history.vectors(wrong),
            lambda: history.put_vectors(wrong, [1], np.ones((1, 2), np.float32)),
        ):
            with pytest.raises(InputError, match=r"must be a text that is not empty|holds half of a character"):
                refused()
        assert len(history) == 1


@pytest.mark.parametrize("wrong", [0, b"", "", "\ud800"])
def test_one_session_is_named_or_none(wrong: Any) -> None:
    with ChatHistories() as histories:
        with pytest.raises(InputError, match="session_id"):
            histories.export(user_id="ann", session_id=wrong)
        with pytest.raises(InputError, match="session_id"):
            histories.search("rain", user_id="ann", session_id=wrong)
