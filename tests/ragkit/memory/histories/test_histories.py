from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from ragkit.errors import InputError
from ragkit.memory import ChatHistories
from ragkit.memory.histories.erasing import Removed

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class TestSessions:
    def test_users_do_not_see_each_others_session_of_one_name(self, histories: ChatHistories) -> None:
        histories.session("s", user_id="ann").add_user_message("ann's")
        histories.session("s", user_id="ben").add_user_message("ben's")
        histories.session("s").add_user_message("nobody's")

        assert [str(m.content) for m in histories.session("s", user_id="ann").messages] == ["ann's"]
        assert [str(m.content) for m in histories.session("s").messages] == ["nobody's"]
        assert histories.users() == ["", "ann", "ben"]

    def test_the_one_used_last_comes_first(self, histories: ChatHistories, clock: SimpleNamespace) -> None:
        histories.session("a", user_id="ann").add_messages([HumanMessage("1"), HumanMessage("2")])
        clock.now += HOUR
        histories.session("b", user_id="ben").add_user_message("3")
        clock.now += HOUR
        histories.session("a", user_id="ann").add_user_message("4")

        first, second = histories.sessions()
        assert (first.user_id, first.session_id, first.messages) == ("ann", "a", 3)
        assert (first.first, first.last) == (NOON, NOON + 2 * HOUR)
        assert second.user_id == "ben"
        assert histories.sessions("ben") == [second]
        assert histories.sessions("nobody") == []

    def test_one_that_was_only_looked_at_is_none(self, histories: ChatHistories) -> None:
        assert histories.session("s").messages == []
        histories.session("s").add_messages([])
        histories.session("s").clear()

        assert histories.sessions() == []

    @pytest.mark.parametrize("name", ["", None, 3])
    def test_a_session_has_a_name(self, histories: ChatHistories, name: Any) -> None:
        with pytest.raises(InputError, match=f"session_id must be a text that is not empty, got {name!r}"):
            histories.session(name)

    def test_half_a_character_is_no_name(self, histories: ChatHistories) -> None:
        with pytest.raises(InputError, match="user_id holds half of a character"):
            histories.session("s", user_id="\ud800")

    @pytest.mark.parametrize("name", ["a\0b", "日本", "x' OR 1=1 --", "\n", "a" * 5000])
    def test_any_other_text_is_a_name(self, histories: ChatHistories, name: str) -> None:
        histories.session(name, user_id=name).add_user_message("x")

        assert [(s.session_id, s.user_id) for s in histories.sessions()] == [(name, name)]
        assert histories.erase_user(name) == Removed(1, 1)
