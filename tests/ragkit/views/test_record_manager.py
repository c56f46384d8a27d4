"""One set of expectations, for LangChain's own record manager in memory and for ours on disk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from langchain_core.indexing import InMemoryRecordManager, RecordManager

from ragkit.errors import InputError
from ragkit.store.collection import Collection
from ragkit.views.record_manager import CollectionRecordManager

if TYPE_CHECKING:
    from ragkit.views.vector_store import FaissVectorStore

Make = Callable[[str], RecordManager]


@pytest.fixture(params=["memory", "collection"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Make a record manager of a namespace."""
    if request.param == "memory":
        yield InMemoryRecordManager
        return
    with Collection.open(tmp_path / "records", dim=2) as collection:
        yield lambda namespace: CollectionRecordManager(namespace, collection)


@pytest.fixture
def records(make: Make) -> RecordManager:
    manager = make("docs")
    manager.create_schema()
    return manager


def test_time_is_that_of_the_clock_and_goes_on(records: RecordManager) -> None:
    before = time.time()
    times = [records.get_time() for _ in range(10)]
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= time.time()


def test_updated_keys_exist_in_the_order_asked(records: RecordManager) -> None:
    records.update(["1", "2"])
    assert records.exists(["2", "3", "1", "2"]) == [True, False, True, True]
    assert records.exists([]) == []


def test_updating_nothing_is_fine(records: RecordManager) -> None:
    records.update([])
    assert records.list_keys() == []


def test_keys_are_listed_before_and_after_a_time(records: RecordManager) -> None:
    records.update(["old", "renewed"])
    start = records.get_time()
    time.sleep(0.001)
    records.update(["renewed", "new"], time_at_least=start)
    assert records.list_keys(before=start) == ["old"]
    assert sorted(records.list_keys(after=start)) == ["new", "renewed"]
    assert sorted(records.list_keys()) == ["new", "old", "renewed"]
    assert sorted(records.list_keys(before=0, after=0, limit=0)) == ["new", "old", "renewed"]


def test_keys_are_listed_by_group(records: RecordManager) -> None:
    records.update(["1", "2", "3", "4"], group_ids=["a", "b", "a", None])
    assert sorted(records.list_keys(group_ids=["a"])) == ["1", "3"]
    assert sorted(records.list_keys(group_ids=["a", "b", "a", "c"])) == ["1", "2", "3"]
    assert records.list_keys(group_ids=["c"]) == []
    assert sorted(records.list_keys(group_ids=[])) == ["1", "2", "3", "4"]


def test_an_update_moves_a_key_to_another_group(records: RecordManager) -> None:
    records.update(["1", "2"], group_ids=["a", "a"])
    records.update(["1"], group_ids=["b"])
    assert records.list_keys(group_ids=["a"]) == ["2"]
    assert records.list_keys(group_ids=["b"]) == ["1"]


def test_a_limit_is_kept(records: RecordManager) -> None:
    records.update([str(number) for number in range(20)], group_ids=["even", "odd"] * 10)
    assert len(records.list_keys(limit=7)) == 7
    assert len(set(records.list_keys(limit=7, group_ids=["odd"]))) == 7
    assert len(set(records.list_keys(limit=15, group_ids=["odd", "even"]))) == 15
    assert len(records.list_keys(limit=100)) == 20


def test_group_and_time_hold_together(records: RecordManager) -> None:
    records.update(["1", "2"], group_ids=["a", "b"])
    start = records.get_time()
    time.sleep(0.001)
    records.update(["1"], group_ids=["a"], time_at_least=start)
    assert records.list_keys(group_ids=["a", "b"], before=start, limit=1000) == ["2"]


def test_deleted_keys_are_gone_and_missing_ones_no_error(records: RecordManager) -> None:
    records.update(["1", "2", "3"])
    records.delete_keys(["1", "3", "missing"])
    assert records.list_keys() == ["2"]
    records.delete_keys([])
    assert records.exists(["1", "2"]) == [False, True]


def test_a_time_in_the_future_is_refused(records: RecordManager) -> None:
    with pytest.raises(ValueError, match="time_at_least"):
        records.update(["1"], time_at_least=records.get_time() + 3600)
    assert records.exists(["1"]) == [False]


def test_each_key_needs_its_group(records: RecordManager) -> None:
    with pytest.raises(ValueError, match="keys"):
        records.update(["1", "2"], group_ids=["a"])


async def test_async_twins_do_the_same(records: RecordManager) -> None:
    await records.acreate_schema()
    await records.aupdate(["1", "2"], group_ids=["a", "b"])
    start = await records.aget_time()
    await asyncio.sleep(0.001)
    await records.aupdate(["1"], group_ids=["a"], time_at_least=start)
    assert await records.aexists(["1", "3"]) == [True, False]
    assert await records.alist_keys(before=start) == ["2"]
    assert await records.alist_keys(group_ids=["a"], after=start, limit=3) == ["1"]
    await records.adelete_keys(["1"])
    assert await records.alist_keys() == ["2"]


# What only a record on disk can promise


def test_namespaces_of_one_collection_are_apart(tmp_path: Path) -> None:
    with Collection.open(tmp_path / "records", dim=2) as collection:
        one, other = (CollectionRecordManager(name, collection) for name in ("one", "other"))
        one.update(["1"])
        assert other.list_keys() == []
        assert CollectionRecordManager("one", collection).list_keys() == ["1"]


def test_records_outlive_the_process(tmp_path: Path) -> None:
    with Collection.open(tmp_path / "records", dim=2) as collection:
        CollectionRecordManager("docs", collection).update(["1"], group_ids=["a"])
    with Collection.open(tmp_path / "records") as collection:
        assert CollectionRecordManager("docs", collection).list_keys(group_ids=["a"]) == ["1"]


def test_a_key_renewed_without_a_group_stays_in_its_group(store: FaissVectorStore) -> None:
    records = CollectionRecordManager("docs", store.collection)
    records.update(["1"], group_ids=["a"])
    records.update(["1"])
    assert records.list_keys(group_ids=["a"]) == ["1"]


def test_what_does_not_fit_is_an_input_error(store: FaissVectorStore) -> None:
    records = CollectionRecordManager("docs", store.collection)
    with pytest.raises(InputError, match="got 2 keys and 1 group ids: give one for each key"):
        records.update(["1", "2"], group_ids=["a"])


def test_secure_compaction_forgets_the_keys_that_name_no_document_here(store: FaissVectorStore) -> None:
    store.add_texts(["a boat"], ids=["here"])
    records = CollectionRecordManager("docs", store.collection)
    records.update(["here", "elsewhere"])
    store.collection.compact()
    assert records.exists(["here", "elsewhere"]) == [True, True]
    store.collection.compact(secure=True)
    assert records.exists(["here", "elsewhere"]) == [True, False]
