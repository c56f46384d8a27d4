from __future__ import annotations

from typing import Any

import pytest

from ragkit.errors import InputError, WhereError
from ragkit.store.where import parse
from ragkit.views.calls import SearchCall, as_where, search_call


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"lang": "en"}, 'lang = "en"'),
        ({"lang": "en", "year": 2020}, 'lang = "en" and year = 2020'),
        ({"lang": ["en", "de"]}, 'lang in ["en", "de"]'),
        ({"lang": ("en",)}, 'lang in ["en"]'),
        ({"lang": None}, "not lang exists"),
        ({"year": {"$gte": 2000, "$lt": 2010}}, "year >= 2000 and year < 2010"),
        ({"year": {"$neq": 2000}}, "year != 2000"),
        ({"year": {"$nin": [1, 2]}}, "year not in [1, 2]"),
        ({"$and": [{"lang": "en"}, {"year": [1, 2]}]}, 'lang = "en" and year in [1, 2]'),
        ({"$or": [{"lang": None}, {"year": {"$neq": 2}}]}, "not lang exists or year != 2"),
        ({"$not": {"lang": ["en", "de"]}}, 'not (lang in ["en", "de"])'),
        ({"or": [{"not": {"lang": ["en"]}}, {"year": 1}]}, 'not (lang in ["en"]) or year = 1'),
        ('lang = "en"', 'lang = "en"'),
    ],
)
def test_a_filter_means_what_it_means_to_faiss(given: Any, meant: str) -> None:
    assert parse(as_where(given)) == parse(meant)


def test_no_filter_is_none() -> None:
    assert as_where(None) is None
    assert as_where({}) == {}


def test_a_filter_is_not_changed() -> None:
    given = {"$and": [{"lang": ["en"]}]}
    as_where(given)
    assert given == {"$and": [{"lang": ["en"]}]}


def test_a_call_is_read_by_name() -> None:
    assert search_call({}) == SearchCall()
    call = search_call({"filter": {"n": 1}, "exact": True, "score_threshold": 0, "fetch_k": 50})
    assert call == SearchCall(where={"n": 1}, exact=True, least=0.0)
    assert search_call({"where": "n = 1", "filter": None}).where == "n = 1"


def test_a_name_that_nobody_reads_is_an_error() -> None:
    with pytest.raises(
        InputError, match="'filtre' is no argument of this call: expected some of exact, fetch_k, filter"
    ):
        search_call({"filtre": {"n": 1}})


def test_a_function_is_no_filter() -> None:
    with pytest.raises(WhereError, match='write it as where="year >= 2020"'):
        search_call({"filter": lambda metadata: True})


def test_two_filters_are_one_too_many() -> None:
    with pytest.raises(WhereError, match="two names for one thing"):
        search_call({"filter": {"n": 1}, "where": "n = 1"})


@pytest.mark.parametrize("given", [{"$and": "lang"}, {"$near": 1}, {"lang": {"$near": 1}}, {"lang": {}}, {"$and": [1]}])
def test_what_cannot_be_read_is_said_by_the_store(given: Any) -> None:
    with pytest.raises(WhereError):
        parse(as_where(given))
