"""Keys with the time of their update. What LangChain expects of it is in views/test_record_manager.py."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from ragkit.errors import InputError, StoreError
from ragkit.store.collection import Collection
from ragkit.store.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path


class Clock:
    """Seconds, as they are set."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(collection: Collection, clock: Clock) -> Ledger:
    return Ledger("n", reading=collection._catalog, changing=collection._changing_catalog, clock=clock)


def test_a_key_has_the_time_of_its_last_update(ledger: Ledger, clock: Clock) -> None:
    ledger.update(["a", "b"])
    clock.now = 2000.0
    ledger.update(["a"])
    assert ledger.keys(before=1500.0) == ["b"]
    assert ledger.keys(after=1500.0) == ["a"]
    assert ledger.keys(before=1000.0) == []
    assert ledger.keys(after=2000.0) == []


def test_time_is_later_than_every_key_when_the_clock_goes_back(ledger: Ledger, clock: Clock) -> None:
    ledger.update(["a"])
    clock.now = 10.0
    start = ledger.now()
    assert ledger.keys(before=start) == ["a"]
    ledger.update(["b"], at_least=start)
    assert ledger.keys(before=start) == ["a"]


def test_time_is_later_than_every_key_when_the_clock_stands_still(ledger: Ledger) -> None:
    for number in range(5):
        start = ledger.now()
        ledger.update([str(number)], at_least=start)
        assert ledger.keys(before=start) == [str(earlier) for earlier in range(number)]


def test_another_process_with_a_slow_clock_sees_time_go_on(collection: Collection, ledger: Ledger) -> None:
    ledger.update(["a"])
    slow = Ledger("n", reading=collection._catalog, changing=collection._changing_catalog, clock=Clock(1.0))
    assert slow.now() > 1000.0
    slow.update(["b"])
    assert ledger.keys() == ["a", "b"]


def test_an_update_from_the_future_is_refused_and_writes_nothing(ledger: Ledger) -> None:
    with pytest.raises(InputError, match=r"time_at_least is 1000\.5, but it is 1000\.0 now"):
        ledger.update(["a"], at_least=1000.5)
    assert ledger.keys() == []


def test_groups_stay_unless_others_are_given(ledger: Ledger) -> None:
    ledger.update(["a", "b"], ["g", None])
    ledger.update(["a", "b"])
    assert ledger.keys(groups=["g"]) == ["a"]
    ledger.update(["a", "b"], [None, "h"])
    assert ledger.keys(groups=["g", "h"]) == ["b"]


def test_a_limit_holds_across_groups(ledger: Ledger) -> None:
    ledger.update(["a", "b", "c", "d"], ["g", "g", "h", "i"])
    assert ledger.keys(groups=["g", "h", "g"], limit=3) == ["a", "b", "c"]
    assert ledger.keys(groups=["g", "h", "i"], limit=1) == ["a"]
    assert ledger.keys(groups=["h", "g"], limit=2) == ["c", "a"]
    assert ledger.keys(limit=2) == ["a", "b"]


def test_of_a_key_given_twice_the_last_group_counts(ledger: Ledger) -> None:
    ledger.update(["a", "a"], ["g", "h"])
    assert ledger.keys(groups=["g"]) == []
    assert ledger.keys(groups=["h"]) == ["a"]


def test_namespaces_know_nothing_of_each_other(collection: Collection) -> None:
    one, other = collection.ledger("one"), collection.ledger("other")
    one.update(["a"])
    assert other.exists(["a"]) == [False]
    other.delete(["a"])
    assert one.exists(["a", "b", "a"]) == [True, False, True]


def test_a_ledger_outlives_its_process_and_leaves_the_documents_alone(tmp_path: Path) -> None:
    with Collection.open(tmp_path / "kept", dim=2) as collection:
        before = collection.sequence
        collection.ledger("n").update(["a"], ["g"])
        assert collection.sequence == before
    with Collection.open(tmp_path / "kept", read_only=True) as collection:
        assert collection.ledger("n").keys(groups=["g"]) == ["a"]
        with pytest.raises(StoreError, match="was opened read-only"):
            collection.ledger("n").update(["b"])


def test_a_ledger_outlives_compacting(collection: Collection) -> None:
    collection.add_texts(["red", "blue"], doc_ids=["1", "2"])
    ledger = collection.ledger("n")
    ledger.update(["1", "elsewhere"], ["g", None])
    start = ledger.now()
    collection.delete(["2"])
    assert collection.compact().compacted
    assert ledger.keys(before=start) == ["1", "elsewhere"]
    ledger.update(["3"], ["g"], at_least=start)
    assert ledger.keys(groups=["g"]) == ["1", "3"]


@pytest.mark.parametrize(
    ("keys", "groups", "message"),
    [
        (["a"], [], "got 1 keys and 0 group ids: give one for each key"),
        ([1], None, "a key must be text, got 1"),
        (["a"], [2], "a group id must be text, got 2"),
        (["\ud800"], None, "holds a lone surrogate"),
        (["a"], "g", "expected a list of keys, got the text 'g'"),
    ],
)
def test_wrong_keys_are_named_and_nothing_is_written(
    ledger: Ledger, keys: list[str], groups: list[str] | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        ledger.update(keys, groups)
    assert ledger.keys() == []


def test_one_text_is_no_list_of_keys(ledger: Ledger) -> None:
    with pytest.raises(InputError, match="expected a list of keys, got the text 'abc'"):
        ledger.delete("abc")
    with pytest.raises(InputError, match="expected a list of keys, got the text 'abc'"):
        ledger.exists("abc")
    with pytest.raises(InputError, match="expected a list of keys, got the text 'abc'"):
        ledger.update("abc")
    with pytest.raises(InputError, match="a namespace must be text, got None"):
        Ledger(None, reading=ledger._reading, changing=ledger._changing)  # type: ignore[arg-type]


def test_threads_update_at_once(collection: Collection) -> None:
    ledger = collection.ledger("n")

    def work(number: int) -> None:
        for step in range(10):
            ledger.update([f"{number} {step}", "shared"])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ledger.keys()) == 61
