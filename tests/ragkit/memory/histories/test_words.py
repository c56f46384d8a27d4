from __future__ import annotations

import math
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from ragkit.errors import InputError
from ragkit.memory import ChatHistories, Found
from ragkit.memory.histories import words as words_module

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def said(found: list[Found]) -> list[str]:
    return [one.kept.message.text for one in found]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("The trains were running late.", "train run"),
        ("Grüße aus Zürich", "ZURICH"),
        ("明日は東京で雨が降りますか", "東京"),
        ("明日は東京で雨が降りますか", "雨"),
        ("北京明天会下雨吗", "下雨"),
        ("내일 서울에 비가 올까요", "서울"),
        ("พรุ่งนี้ฝนจะตกไหม", "ฝน"),
        ("هل ستمطر غدا", "ستمطر"),
        ("Завтра будет дождь", "дождь"),
        ("क्या कल बारिश होगी", "बारिश"),
        ("who are you", "who are you"),
        ("order GPT-3.5-turbo", "gpt-3.5"),
    ],
)
def test_any_language_is_found(histories: ChatHistories, text: str, query: str) -> None:
    histories.session("s").add_messages([HumanMessage("nothing of it here …"), HumanMessage(text)])

    assert said(histories.search(query, user_id="", k=1)) == [text]


def test_the_message_with_more_and_rarer_words_comes_first_then_the_newest(histories: ChatHistories) -> None:
    histories.session("a").add_messages([HumanMessage("rain"), HumanMessage("rain in Rome"), AIMessage("rain")])
    histories.session("b").add_messages([HumanMessage("sun in Rome"), ToolMessage("rain", tool_call_id="c")])

    found = histories.search("rain Rome", user_id="")

    assert said(found) == ["rain in Rome", "sun in Rome", "rain", "rain", "rain"]
    assert [one.kept.seq for one in found] == [2, 4, 5, 3, 1]
    assert [one.session_id for one in found] == ["a", "b", "b", "a", "a"]
    assert found[-1].score == pytest.approx(np.log(1 + 1.5 / 4.5))


def test_one_session_can_be_searched_alone(histories: ChatHistories) -> None:
    histories.session("a").add_user_message("rain here")
    histories.session("b").add_user_message("rain there")

    assert said(histories.search("rain", user_id="", session_id="b")) == ["rain there"]


@pytest.mark.parametrize("query", ["", " ", '"', "* OR NEAR(", "user_id:ann", "%", "'; --", "\0", "\ud800"])
def test_no_sign_has_a_meaning_and_nothing_fails(histories: ChatHistories, query: str) -> None:
    histories.session("s").add_user_message("rain")

    assert histories.search(query, user_id="") == []


def test_at_most_k_come(histories: ChatHistories) -> None:
    histories.session("s").add_messages([HumanMessage(f"rain {number}") for number in range(5)])

    assert said(histories.search("rain", user_id="", k=2)) == ["rain 4", "rain 3"]
    with pytest.raises(InputError, match="k must be at least 1, got 0"):
        histories.search("rain", user_id="", k=0)


def test_what_was_cleared_is_not_found(histories: ChatHistories) -> None:
    histories.session("s").add_user_message("rain")
    histories.session("s").clear()

    assert histories.search("rain", user_id="") == []


@given(
    mine=st.lists(st.text("abc ", max_size=6), max_size=6),
    others=st.lists(st.text("abc ", max_size=6), max_size=6),
    query=st.text("abc ", max_size=6),
)
@settings(max_examples=50, deadline=None)
def test_what_others_say_changes_neither_hits_nor_scores(mine: list[str], others: list[str], query: str) -> None:
    found = []
    for theirs in ([], others):
        with ChatHistories() as histories:
            for place, text in enumerate(mine):
                histories.session(f"s{place % 2}", user_id="ann").add_user_message(text)
            for text in theirs:
                histories.session("s0", user_id="ben").add_user_message(text)
            found.append([(one.kept.message.text, one.score) for one in histories.search(query, user_id="ann", k=99)])
    assert found[0] == found[1]


@given(
    told=st.lists(st.tuples(st.sampled_from("ST"), st.text("abc东京 ", max_size=8)), max_size=25),
    gone=st.integers(0, 25),
    query=st.text("abc东京 ", max_size=8),
)
@settings(max_examples=100, deadline=None)
def test_a_search_finds_what_reading_everything_finds(told: list[tuple[str, str]], gone: int, query: str) -> None:
    moments = iter(NOON + timedelta(minutes=number) for number in range(99))
    with pytest.MonkeyPatch.context() as patch, ChatHistories(clock=lambda: next(moments)) as histories:
        patch.setattr(words_module, "_BLOCK_MESSAGES", 3)
        for place, (name, text) in enumerate(told):
            histories.session(name).add_user_message(text)
            if place == gone:
                histories.expire(timedelta(minutes=5))
        everything = [kept for name in "ST" for kept in histories.session(name).after(0)]

        found = {one.kept.seq: one.score for one in histories.search(query, user_id="", k=99)}

    asked = set(words_module.ANALYSER(query))
    having = {term: [k for k in everything if term in words_module.terms_of(k.message.text)] for term in asked}
    expected: dict[int, float] = {}
    for kept_with in having.values():
        for kept in kept_with:
            n = len(kept_with)
            expected[kept.seq] = expected.get(kept.seq, 0) + math.log(1 + (len(everything) - n + 0.5) / (n + 0.5))
    assert found == pytest.approx(expected)


def test_words_of_another_analyser_are_made_anew(tmp_path: Path) -> None:
    with ChatHistories(tmp_path / "a") as histories:
        histories.session("s").add_messages([HumanMessage("rain"), HumanMessage("sun")])
    with sqlite3.connect(tmp_path / "a") as db:
        db.execute("UPDATE words SET term = 'other'  || seq")
        db.execute("UPDATE state SET analyser = 'older'")
    db.close()

    with ChatHistories(tmp_path / "a") as histories:
        assert said(histories.search("rain", user_id="")) == ["rain"]


@pytest.mark.parametrize(
    ("query", "values"), [(words_module._COUNT, ("[]", "ann", None)), (words_module._FIND, ("[]", "ann", None, 1))]
)
def test_a_search_goes_from_the_users_sessions_to_their_words(
    histories: ChatHistories, query: str, values: tuple[object, ...]
) -> None:
    with histories._file.reading() as db:
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {query}", values)]

    assert any("SEARCH sessions USING" in step and "(user_id=?)" in step for step in plan)
    assert "SEARCH words USING PRIMARY KEY (session=? AND block=? AND term=?)" in plan
