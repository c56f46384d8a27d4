"""One committed moment, whatever is written meanwhile."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ragkit.errors import IndexMismatchError, InputError, StoreDamagedError, StoreError, WhereError
from ragkit.store.collection import Collection
from ragkit.store.hits import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ragkit.store.moment import Moment

    Put = Callable[..., None]

_CAT = np.array([[0, 0, 0, 1, 0, 0]], dtype=np.float32)


def _seen(moment: Moment) -> tuple[list[str], list[str]]:
    runs = [listed(moment.dense(_CAT, k=9)[0], "dense"), listed(moment.bm25(["cat"], k=9)[0], "bm25")]
    dense, words = moment.hits(runs)
    return [hit.doc_id for hit in dense], [hit.doc_id for hit in words]


def test_both_arms_see_the_same_moment(collection: Collection, put: Put) -> None:
    put({"a": "cat", "b": "cat cat"})
    with collection.moment() as moment:
        before = _seen(moment)
        put({"c": "cat", "a": "dog"})
        collection.delete(["b"])
        assert _seen(moment) == before == (["a", "b"], ["b", "a"])
    with collection.moment() as moment:
        assert _seen(moment) == (["c", "a"], ["c"])


def test_a_moment_outlives_a_word_index_that_was_built_again_without_its_dead(collection: Collection, put: Put) -> None:
    put({f"d{number}": "cat" for number in range(6)})
    with collection.moment() as moment:
        collection.delete([f"d{number}" for number in range(5)])
        assert collection._generation.words.index.entries == 1
        assert _seen(moment)[1] == [f"d{number}" for number in range(6)]


def test_a_moment_outlives_its_generation(collection: Collection, put: Put) -> None:
    put({"a": "cat", "b": "cat", "c": "dog"})
    collection.delete(["c"])
    with collection.moment() as moment:
        before = _seen(moment)
        collection._generation.retire()
        assert _seen(moment) == before == (["a", "b"], ["a", "b"])


def test_rows_lead_to_names_vectors_documents_and_hits(collection: Collection, put: Put) -> None:
    put({"a": "cat", "b": "dog"})
    with collection.moment() as moment:
        assert moment.rows == 2
        assert moment.names([1, 0]) == {0: ("a", "a#0"), 1: ("b", "b#0")}
        assert moment.vectors([1, 0]).tolist() == [[0, 0, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0]]
        assert moment.cosines(_CAT[0] * 7, [1, 0]).tolist() == [0.0, 1.0]
        documents = moment.documents([0, 1])
        assert documents[0] != documents[1]
        assert moment.vectors([]).shape == (0, 6)
        assert moment.hits([[]]) == [[]]


def test_a_filter_holds_for_both_arms(collection: Collection, put: Put) -> None:
    put({"a": "cat", "b": "cat"}, {"a": {"year": 2020}, "b": {"year": 2021}})
    with collection.moment(where="year > 2020") as moment:
        assert _seen(moment) == (["b"], ["b"])
    with collection.moment(where="year > 2030") as moment:
        assert _seen(moment) == ([], [])
    with pytest.raises(WhereError), collection.moment(where="colour = 1"):
        pass


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda moment: moment.dense(_CAT, k=0), InputError, "k must be at least 1, got 0"),
        (lambda moment: moment.bm25(["cat"], k=0), InputError, "k must be at least 1, got 0"),
        (lambda moment: moment.dense(_CAT[0], k=1), InputError, r"expected|must be floats of shape \(q, dim\)"),
        (lambda moment: moment.dense(_CAT[:, :3], k=1), IndexMismatchError, "Index holds 6-dim vectors, query has 3"),
        (lambda moment: moment.bm25("cat", k=1), InputError, r"queries must be a list of texts, got one text"),
    ],
)
def test_a_wrong_question_is_refused(
    collection: Collection, put: Put, ask: Callable[[Moment], Any], error: type[Exception], message: str
) -> None:
    put({"a": "cat"})
    with collection.moment() as moment, pytest.raises(error, match=message):
        ask(moment)


def test_only_what_is_returned_is_read(collection: Collection, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    put({f"d{number:02}": f"cat number{number}" for number in range(40)})
    asked: list[Mapping[str, Any] | int] = []
    with collection.moment() as moment:
        from ragkit.store import catalog

        slices = catalog.slices
        monkeypatch.setattr(catalog, "slices", lambda db, spans: asked.append(len(spans)) or slices(db, spans))
        moment.hits([listed(moment.dense(_CAT, k=40)[0][:3], "dense")])
    assert asked == [3]


def test_a_moment_whose_files_were_removed_says_so_and_calls_nothing_damaged(collection: Collection, put: Put) -> None:
    put({"a": "cat"})
    with Collection.open(collection.folder, read_only=True) as reader, reader.moment() as moment:
        shutil.rmtree(collection.folder / "generation-1")
        with pytest.raises(StoreError, match=r"generation-1 is not there any more: .*search again") as told:
            moment.dense(_CAT, k=1)
    assert not isinstance(told.value, StoreDamagedError)
