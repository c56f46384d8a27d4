"""Filters in SQL: what they select, and what they refuse."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.disk.sqlite import connect, migrate, transaction
from ragkit.errors import WhereError
from ragkit.store import catalog
from ragkit.store.changes import Changes
from ragkit.store.conditions import And, Compare, Contains, Exists, In, Node, Not, Or
from ragkit.store.fields import json_ready, with_built_in
from ragkit.store.records import NewChunk, NewDocument
from ragkit.store.schema import MIGRATIONS
from ragkit.store.where import matches, parse, to_sql
from ragkit.store.where_sql import Field

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_NAMES = ("year", "tags", "a", "a.b", "title", "source", "page", "doc_id")
_SCALARS = (
    st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from([2**53, 2**53 + 1, 2**63, 0.5, -0.0, 1.0])
    | st.sampled_from(["", "a", "ab", "b", "ä", "\0", "a\0b", "1", "2020-01-01", "\U0001f600", "\uffff"])
)
_VALUES = st.recursive(
    _SCALARS | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["b", "c"]), inner, max_size=2),
    max_leaves=5,
)
_METADATA = st.dictionaries(st.sampled_from(["year", "tags", "a", "a.b", "title", "page"]), _VALUES, max_size=4)
_NAME = st.sampled_from(_NAMES)
_LEAVES = (
    st.builds(Compare, _NAME, st.just("="), _SCALARS)
    | st.builds(
        Compare, _NAME, st.sampled_from(["<", "<=", ">", ">="]), _SCALARS.filter(lambda v: not isinstance(v, bool))
    )
    | st.builds(In, _NAME, st.lists(_SCALARS, max_size=3).map(tuple))
    | st.builds(Contains, _NAME, _SCALARS)
    | st.builds(Exists, _NAME)
)
_NODES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(And, st.lists(inner, min_size=1, max_size=3).map(tuple))
        | st.builds(Or, st.lists(inner, min_size=1, max_size=3).map(tuple))
    ),
    max_leaves=5,
)
_DOCUMENTS = st.lists(
    st.tuples(_METADATA, st.sampled_from(["", "a", "ab"]), st.lists(st.integers(1, 3), max_size=2)),
    min_size=1,
    max_size=6,
)


def _filled(
    documents: list[tuple[dict[str, Any], str, list[int]]],
) -> tuple[sqlite3.Connection, dict[int, dict[str, Any]]]:
    """Give a catalog, and for each of its rows the values that `matches` is asked about."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    migrate(db, MIGRATIONS)
    expected: dict[int, dict[str, Any]] = {}
    with transaction(db, write=True):
        changes = Changes(db, 0)
        for number, (metadata, title, pages) in enumerate(documents):
            name, ready = f"d{number}", json_ready(metadata)
            document = NewDocument(
                doc_id=name,
                text="xy",
                title=title,
                pages=[(page, place) for place, page in enumerate(pages)],
                chunks=[NewChunk(0, 1), NewChunk(1, 2)],
            )
            changes.put(document, ready)
            for place in range(2):
                page = None if not pages else pages[min(place, len(pages) - 1)]
                expected[len(expected)] = with_built_in(ready, doc_id=name, title=title, source="", page=page)
        changes.finish()
    return db, expected


def _fields(db: sqlite3.Connection) -> Callable[[str], list[Field]]:
    sql = "SELECT id, kind, listed FROM fields WHERE name = ?"
    return lambda name: [Field(key, kind, bool(listed)) for key, kind, listed in db.execute(sql, (name,))]


@settings(max_examples=150, deadline=None)
@given(_DOCUMENTS, _NODES)
def test_sql_selects_exactly_what_matches_says(
    documents: list[tuple[dict[str, Any], str, list[int]]], node: Node
) -> None:
    db, expected = _filled(documents)
    with closing(db):
        sql, parameters = to_sql(node, _fields(db), document="chunks.document", page="chunks.page")
        found = {row for (row,) in db.execute(f"SELECT row FROM chunks WHERE {sql}", parameters)}
    assert found == {row for row, values in expected.items() if matches(node, values)}


@settings(max_examples=40, deadline=None)
@given(_DOCUMENTS, st.permutations(range(6)))
def test_deleting_documents_leaves_no_field_values(
    documents: list[tuple[dict[str, Any], str, list[int]]], order: list[int]
) -> None:
    db, _ = _filled(documents)
    with closing(db):
        with transaction(db, write=True):
            changes = Changes(db, 2 * len(documents))
            for number in order:
                changes.delete(f"d{number}")
            changes.finish()
        assert db.execute("SELECT count(*) FROM field_values").fetchone() == (0,)
        assert db.execute("SELECT max(documents), min(documents) FROM fields").fetchone() in {(0, 0), (None, None)}
        assert catalog.read_state(db)[2:] == (0, 0)


@pytest.fixture
def library(tmp_path: Path) -> Any:
    db = connect(tmp_path / "catalog.sqlite")
    migrate(db, MIGRATIONS)
    books = {
        "emma": {"year": 1815, "tags": ["love", "class"], "author": {"name": "Austen"}, "read": True},
        "moby": {"year": 1851, "tags": ["sea"], "author": {"name": "Melville"}, "read": False},
        "solaris": {"year": 1961.5, "tags": [], "lang": "pl"},
    }
    with transaction(db, write=True):
        changes = Changes(db, 0)
        for doc_id, metadata in books.items():
            pages = [(1, 0), (2, 2)] if doc_id == "emma" else []
            chunks = [NewChunk(0, 2), NewChunk(2, 4)]
            changes.put(
                NewDocument(doc_id=doc_id, text="abcd", source=f"{doc_id}.txt", pages=pages, chunks=chunks), metadata
            )
        changes.finish()
    with closing(db):
        yield db


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("year = 1815", "emma"),
        ("year != 1815", "moby solaris"),
        ("year > 1850", "moby solaris"),
        ("lang != 'pl'", "emma moby"),
        ("not lang = 'pl'", "emma moby"),
        ("lang not in ['pl', 'de']", "emma moby"),
        ("tags contains 'sea'", "moby"),
        ("tags contains 'se'", ""),
        ("tags = 'love'", "emma"),
        ("tags > 'd'", "emma moby"),
        ("not tags contains 'sea'", "emma solaris"),
        ("exists tags", "emma moby solaris"),
        ("exists author and not exists lang", "emma moby"),
        ("exists nowhere", ""),
        ("author.name contains 'usten'", "emma"),
        ("read = true", "emma"),
        ("read != true", "moby solaris"),
        ("read in [true, false]", "emma moby"),
        ("doc_id in ['emma', 'moby', 'nobody']", "emma moby"),
        ("doc_id contains 'o'", "moby solaris"),
        ("source = 'emma.txt' or year > 1900", "emma solaris"),
        ("title = ''", ""),
        ("year in []", ""),
    ],
)
def test_filter_selects(where: str, names: str, library: sqlite3.Connection) -> None:
    rows = {name: {2 * place, 2 * place + 1} for place, name in enumerate(["emma", "moby", "solaris"])}
    node = parse(where)
    assert node is not None
    assert set(catalog.passing_rows(library, node)) == {row for name in names.split() for row in rows[name]}
    found = catalog.documents_after(library, "", catalog.document_sql(library, node), 10)
    assert [document.doc_id for document in found] == names.split()


def test_page_selects_chunks(library: sqlite3.Connection) -> None:
    node = parse("page = 2")
    assert node is not None
    assert catalog.passing_rows(library, node).tolist() == [1]


def test_page_does_not_select_documents(library: sqlite3.Connection) -> None:
    with pytest.raises(WhereError, match="field 'page' belongs to chunks: whole documents cannot be selected by it"):
        catalog.document_sql(library, parse("page = 2"))


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (
            "yaer = 1815",
            r"unknown field 'yaer': did you mean 'year'\? Known fields: author, author\.name, doc_id, lang,",
        ),
        ("yaer = 1815", r" page, read, root, source, tags, title, year\."),
        ("zzz = 1", r"unknown field 'zzz': Known fields: author"),
        ("year = '1815'", "field 'year' holds numbers; it is compared with the text '1815'"),
        ("year in [1815, '1851']", "field 'year' holds numbers; it is compared with the text '1851'"),
        ("year = true", "field 'year' holds numbers; it is compared with true or false"),
        ("lang >= 3", "field 'lang' holds text; it is compared with the number 3"),
        ("read = 1", "field 'read' holds true or false; it is compared with the number 1"),
        ("page = 'two'", "field 'page' holds numbers"),
        ("doc_id = 7", "field 'doc_id' holds text"),
        ("year contains 18", "field 'year' holds neither text nor lists: contains cannot be asked of it; use ="),
        ("tags contains 3", "field 'tags' holds text; it does not contain the number 3"),
    ],
)
def test_filter_that_does_not_fit_the_collection_is_explained(
    where: str, message: str, library: sqlite3.Connection
) -> None:
    node = parse(where)
    assert node is not None
    with pytest.raises(WhereError, match=message):
        catalog.passing_rows(library, node)


def test_field_that_left_with_its_last_document_is_unknown(library: sqlite3.Connection) -> None:
    with transaction(library, write=True):
        changes = Changes(library, 6)
        assert changes.delete("solaris")
        changes.finish()
    assert catalog.field_kinds(library) == {
        "author": "object",
        "author.name": "text",
        "read": "bool",
        "source": "text",
        "tags": "list of text",
        "year": "number",
    }
    with pytest.raises(WhereError, match="unknown field 'lang'"):
        catalog.passing_rows(library, Compare("lang", "=", "pl"))


def test_field_of_empty_lists_only_may_be_compared_with_anything(library: sqlite3.Connection) -> None:
    with transaction(library, write=True):
        changes = Changes(library, 6)
        changes.delete("emma")
        changes.delete("moby")
        changes.finish()
    assert catalog.passing_rows(library, Contains("tags", 3)).tolist() == []


def test_empty_collection_knows_no_unknown_fields(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "catalog.sqlite")) as db:
        migrate(db, MIGRATIONS)
        assert catalog.passing_rows(db, Compare("anything", "=", 1)).tolist() == []


def test_many_known_fields_are_not_all_listed(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "catalog.sqlite")) as db:
        migrate(db, MIGRATIONS)
        with transaction(db, write=True):
            changes = Changes(db, 0)
            changes.put(NewDocument(doc_id="a", text=""), {f"field{number:02}": 1 for number in range(40)})
            changes.finish()
        with pytest.raises(WhereError, match=r"Known fields: doc_id, field00.* and 25 more\."):
            catalog.passing_rows(db, Compare("zzz", "=", 1))
