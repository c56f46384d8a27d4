from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from langchain_core.messages import HumanMessage

from ragkit.errors import InputError
from ragkit.memory import ChatHistories, ChatHistory

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class TestNotes:
    def test_the_newest_note_of_a_kind_is_given_and_all_are_kept(self, history: ChatHistory) -> None:
        history.add_messages([HumanMessage("a"), HumanMessage("b")])
        assert history.note("summary") is None

        assert history.put_note("summary", 1, {"text": "A", "of": [1, None]})
        assert history.put_note("summary", 2, {"text": "\ud800"})
        assert history.put_note("mood", 1, {})

        note = history.note("summary")
        assert note is not None
        assert (note.kind, note.upto_seq, note.content, note.at) == ("summary", 2, {"text": "\ud800"}, NOON)
        assert [one.content for one in history.notes("summary")] == [{"text": "A", "of": [1, None]}, {"text": "\ud800"}]

    def test_of_two_who_write_at_once_the_second_is_told(self, history: ChatHistory) -> None:
        history.add_messages([HumanMessage("a"), HumanMessage("b")])

        assert history.put_note("summary", 1, {"by": 1}, after=0)
        assert not history.put_note("summary", 2, {"by": 2}, after=0)
        assert history.put_note("summary", 2, {"by": 2}, after=1)
        assert [note.content["by"] for note in history.notes("summary")] == [1, 2]

    def test_a_note_on_what_was_cleared_meanwhile_is_not_kept(self, history: ChatHistory) -> None:
        history.add_messages([HumanMessage("secret"), HumanMessage("b")])
        history.clear()
        assert not history.put_note("summary", 2, {"text": "secret"}, after=0)
        history.add_messages([HumanMessage("c"), HumanMessage("d")])

        assert not history.put_note("summary", 2, {"text": "secret"}, after=0)
        assert history.notes("summary") == []

    def test_a_note_on_another_sessions_message_is_not_kept(
        self, histories: ChatHistories, history: ChatHistory
    ) -> None:
        histories.session("other").add_user_message("x")
        history.add_user_message("y")

        assert not history.put_note("summary", 1, {})
        assert history.put_note("summary", 0, {})

    def test_dropped_notes_are_gone(self, history: ChatHistory) -> None:
        assert history.drop_notes("summary") == 0
        history.add_user_message("a")
        history.put_note("summary", 1, {})
        history.put_note("mood", 1, {})

        assert history.drop_notes("summary") == 1
        assert history.note("summary") is None
        assert history.note("mood") is not None

    @pytest.mark.parametrize("content", [{"x": b"raw"}, {"x": {1, 2}}])
    def test_a_note_is_json(self, history: ChatHistory, content: dict[str, Any]) -> None:
        with pytest.raises(InputError, match="what should be kept is no JSON: TypeError"):
            history.put_note("summary", 0, content)


class TestVectors:
    def test_without_any_the_shape_is_empty(self, history: ChatHistory) -> None:
        seqs, rows = history.vectors("minilm")

        assert seqs == []
        assert rows.shape == (0, 0)

    def test_they_come_back_by_model_and_in_order(self, history: ChatHistory) -> None:
        history.add_messages([HumanMessage("a"), HumanMessage("b"), HumanMessage("c")])
        rows = np.array([[3, 4], [1, 2]], np.float32)
        history.put_vectors("one", [3, 1], rows)
        history.put_vectors("two", [2], np.ones((1, 5), np.float32))

        seqs, kept = history.vectors("one")
        assert seqs == [1, 3]
        assert kept.dtype == np.float32
        assert kept.tolist() == [[1, 2], [3, 4]]
        assert history.vectors("one", after=1).rows.tolist() == [[3, 4]]
        kept[0] = 9  # the reader's own
        assert history.vectors("one").rows.tolist() == [[1, 2], [3, 4]]

    def test_a_second_one_replaces_the_first(self, history: ChatHistory) -> None:
        history.add_user_message("a")
        history.put_vectors("one", [1], np.zeros((1, 2), np.float32))
        history.put_vectors("one", [1], np.ones((1, 2), np.float32))

        assert history.vectors("one").rows.tolist() == [[1, 1]]

    def test_of_a_message_that_is_gone_none_is_kept(self, histories: ChatHistories, history: ChatHistory) -> None:
        histories.session("other").add_user_message("x")
        history.add_user_message("a")
        history.clear()
        history.put_vectors("one", [2], np.ones((1, 2), np.float32))
        history.add_user_message("b")
        history.put_vectors("one", [1, 2, 3], np.ones((3, 2), np.float32))

        assert history.vectors("one").seqs == [3]

    def test_numbers_may_be_numpys(self, history: ChatHistory) -> None:
        history.add_user_message("a")
        history.put_vectors("one", list(np.array([1])), np.ones((1, 2), np.float32))

        assert history.vectors("one").seqs == [1]
        assert [kept.seq for kept in history.get(list(np.array([1])))] == [1]
        assert history.put_note("summary", np.array([1])[0], {})

    def test_nothing_can_be_put(self, history: ChatHistory) -> None:
        history.add_user_message("a")
        history.put_vectors("one", [1], np.ones((1, 2), np.float32))
        history.put_vectors("one", [], np.zeros((0, 0), np.float32))

        assert history.vectors("one").seqs == [1]

    @pytest.mark.parametrize("shape", [(2,), (1, 2), (2, 0), (2, 2, 2)])
    def test_a_wrong_shape_is_refused(self, history: ChatHistory, shape: tuple[int, ...]) -> None:
        with pytest.raises(InputError, match=r"vectors must be of shape \(2, dim\), one for each message, got"):
            history.put_vectors("one", [1, 2], np.zeros(shape, np.float32))

    def test_what_is_not_finite_is_refused(self, history: ChatHistory) -> None:
        with pytest.raises(InputError, match="vectors must be finite"):
            history.put_vectors("one", [1], np.array([[np.nan]], np.float32))

    def test_another_length_is_refused(self, history: ChatHistory) -> None:
        history.add_user_message("a")
        history.put_vectors("one", [1], np.ones((1, 2), np.float32))

        with pytest.raises(
            InputError, match="'one' has vectors of 2 numbers here, got 3: give another model another key"
        ):
            history.put_vectors("one", [1], np.ones((1, 3), np.float32))
