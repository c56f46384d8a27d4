"""Any sequence of changes, restarts and kills equals a dictionary, in every kind of search."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from numpy.typing import NDArray

from ragkit.encoder import EncoderCard
from ragkit.errors import StoreError, WhereError
from ragkit.retrieve.options import SearchOptions
from ragkit.retrieve.search import search
from ragkit.store import dense_arm
from ragkit.store.collection import Collection
from ragkit.store.conditions import And, Compare, Contains, Exists, In, Node, Not, Or, matches
from ragkit.store.fields import json_ready, with_built_in
from ragkit.store.records import NewChunk, NewDocument
from ragkit.store.where import parse
from ragkit.types import Hit

_DIM = 64
_WORDS = ("cat", "dog", "fish", "bird", "tree")

_DATES = st.dates(date(2019, 1, 1), date(2021, 12, 31))
_TEXTS = st.sampled_from(["", "a", "ab", "ä", "it's", 'say "x"', "back\\slash", "😀", "2020-06-01"])
_NUMBERS = st.integers(-3, 3) | st.sampled_from([0.5, -0.0, 2.0**53, 10**20])
_BY_FIELD: dict[str, st.SearchStrategy[Any]] = {
    "year": _NUMBERS,
    "lang": _TEXTS,
    "flag": st.booleans(),
    "day": _DATES,
    "tags": st.lists(_TEXTS, max_size=3),
    "sizes": st.lists(_NUMBERS, max_size=3),
    "author": st.fixed_dictionaries({}, optional={"name": _TEXTS, "born": _NUMBERS}),
    "mixed": _TEXTS | _NUMBERS | st.booleans() | st.none(),
}
_METADATA = st.fixed_dictionaries({}, optional=_BY_FIELD)
_FILTERED = {
    "year": _NUMBERS,
    "lang": _TEXTS,
    "day": _DATES.map(date.isoformat),
    "tags": _TEXTS,
    "sizes": _NUMBERS,
    "author.name": _TEXTS,
    "author.born": _NUMBERS,
    "mixed": _TEXTS | _NUMBERS,
    "title": _TEXTS,
    "page": st.integers(1, 3),
    "doc_id": st.sampled_from(["d1", "d2", "d3"]),
}


def _leaf(name: str) -> st.SearchStrategy[Node]:
    values = _FILTERED[name]
    leaves: st.SearchStrategy[Node] = (
        st.builds(Compare, st.just(name), st.sampled_from(["=", "<", "<=", ">", ">="]), values)
        | st.builds(In, st.just(name), st.lists(values, max_size=3).map(tuple))
        | st.builds(Exists, st.just(name))
    )
    contained = name in ("lang", "tags", "sizes", "author.name", "title", "doc_id")
    return leaves | st.builds(Contains, st.just(name), values) if contained else leaves


_NODES: st.SearchStrategy[Node] = st.recursive(
    st.one_of([_leaf(name) for name in _FILTERED])
    | st.builds(Compare, st.just("flag"), st.just("="), st.booleans())
    | st.builds(Exists, st.sampled_from(["flag", "author"])),
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple))
        | st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=4,
)


def _as_text(node: Node) -> str:
    match node:
        case Not(part):
            return f"not ({_as_text(part)})"
        case And(parts):
            return " and ".join(f"({_as_text(part)})" for part in parts)
        case Or(parts):
            return " or ".join(f"({_as_text(part)})" for part in parts)
        case Compare(field, op, value):
            return f"`{field}` {op} {_literal(value)}"
        case In(field, values):
            return f"`{field}` in [{', '.join(_literal(value) for value in values)}]"
        case Contains(field, value):
            return f"`{field}` contains {_literal(value)}"
        case Exists(field):
            return f"exists `{field}`"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def _as_mapping(node: Node) -> dict[str, Any]:
    match node:
        case Not(part):
            return {"not": _as_mapping(part)}
        case And(parts):
            return {"$and": [_as_mapping(part) for part in parts]}
        case Or(parts):
            return {"or": [_as_mapping(part) for part in parts]}
        case Compare(field, op, value):
            return {field: {op: value}}
        case In(field, values):
            return {field: {"$in": list(values)}}
        case Contains(field, value):
            return {field: {"contains": value}}
        case Exists(field):
            return {field: {"$exists": True}}


class OneQuery:
    """All queries and texts have one vector."""

    card = EncoderCard(model="one", dim=_DIM, revision="1")

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        row = np.random.default_rng(0).standard_normal(_DIM).astype(np.float32)
        return np.repeat((row / np.linalg.norm(row))[np.newaxis], len(texts), axis=0)

    encode_documents = encode_queries

    def count_tokens(self, text: str) -> int:
        return len(text.split())


@dataclass(frozen=True)
class Chunk:
    """What the dictionary knows of a chunk."""

    text: str
    vector: NDArray[np.float64]
    values: Mapping[str, Any]
    """For `matches`."""


_WHERES = st.tuples(_NODES, st.booleans())
_IDS = st.sampled_from([f"d{number}" for number in range(8)])


@st.composite
def _documents(draw: st.DrawFn) -> NewDocument:
    sentences = draw(st.lists(st.lists(st.sampled_from(_WORDS), min_size=1, max_size=4).map(" ".join), max_size=3))
    text = ". ".join(sentences)
    starts = [sum(len(sentence) + 2 for sentence in sentences[:place]) for place in range(len(sentences))]
    return NewDocument(
        doc_id=draw(_IDS),
        text=text,
        title=draw(_TEXTS),
        source=draw(st.sampled_from(["", "a.txt"])),
        metadata=draw(_METADATA),
        pages=draw(st.sampled_from([(), ((1, 0),), ((2, 0), (3, 5))])),
        chunks=[
            NewChunk(start, start + len(sentence), draw(st.sampled_from(["", "head"])))
            for start, sentence in zip(starts, sentences, strict=True)
        ],
    )


class CollectionMachine(RuleBasedStateMachine):
    """A collection beside a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp())
        self.kills = 0
        self.documents: dict[str, NewDocument] = {}
        self.chunks: dict[str, Chunk] = {}
        self.collection = Collection.open(self.place / "0", OneQuery())

    @initialize(precision=st.sampled_from(["float16", "float32"]))
    def make(self, precision: str) -> None:
        self.collection.close()
        shutil.rmtree(self.place / "0")
        self.collection = Collection.open(self.place / "0", OneQuery(), precision=precision)

    # Changes

    @rule(documents=st.lists(_documents(), min_size=1, max_size=4), seed=st.integers(0, 9))
    def put(self, documents: list[NewDocument], seed: int) -> None:
        # Few seeds, so that equal vectors and ties are common.
        pairs = [
            (item, np.random.default_rng(seed).standard_normal((len(item.chunks), _DIM)).astype(np.float32))
            for item in documents
        ]
        self.collection.put_many(pairs)
        for item, vectors in pairs:
            self._forget({item.doc_id})
            self._know(item, vectors)

    def _know(self, document: NewDocument, vectors: NDArray[np.float32]) -> None:
        self.documents[document.doc_id] = document
        units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        stored = units.astype(self.collection.manifest.precision).astype(np.float64)
        for ordinal, chunk in enumerate(document.chunks):
            pages = [page for page, start in document.pages if start <= chunk.start]
            values = with_built_in(
                json_ready(document.metadata),
                doc_id=document.doc_id,
                source=document.source,
                title=document.title,
                page=pages[-1] if pages else None,
            )
            text = document.text[chunk.start : chunk.end]
            self.chunks[f"{document.doc_id}#{ordinal}"] = Chunk(text, stored[ordinal], values)

    def _forget(self, names: set[str]) -> None:
        self.documents = {name: item for name, item in self.documents.items() if name not in names}
        self.chunks = {name: item for name, item in self.chunks.items() if name.partition("#")[0] not in names}

    @rule(names=st.lists(_IDS, max_size=3))
    def delete(self, names: list[str]) -> None:
        assert self.collection.delete(names) == len(self.documents.keys() & set(names))
        self._forget(set(names))

    @rule(where=_WHERES)
    def delete_by_filter(self, where: tuple[Node, bool]) -> None:
        passing = {
            name for name, item in self.documents.items() if matches(where[0], self._document_values(name, item))
        }
        try:
            gone = self.collection.delete(where=_written(*where))
        except WhereError:
            return  # a field nobody has, or of another kind; or a page, which documents do not have
        assert gone == len(passing)
        self._forget(passing)

    def _document_values(self, name: str, item: NewDocument) -> Mapping[str, Any]:
        built_in = {"doc_id": name, "source": item.source, "title": item.title}
        return with_built_in(json_ready(item.metadata), **built_in)

    @rule(secure=st.booleans())
    def compact(self, secure: bool) -> None:
        self.collection.compact(secure=secure)
        if secure or not self.chunks:
            self._scores_equal_those_of_a_fresh_build()

    def _scores_equal_those_of_a_fresh_build(self) -> None:
        with tempfile.TemporaryDirectory() as place, Collection.open(Path(place) / "fresh", OneQuery()) as fresh:
            fresh.put_many((item, np.ones((len(item.chunks), _DIM))) for item in self.documents.values())
            for query in ("cat", "dog fish", "head"):
                own, new = (each.search_bm25([query], k=99)[0] for each in (self.collection, fresh))
                assert [(hit.chunk_id, hit.score) for hit in own] == [(hit.chunk_id, hit.score) for hit in new]

    # Restarts

    @rule()
    def release(self) -> None:
        self.collection.release()

    @rule()
    def reopen(self) -> None:
        self.collection.close()
        self.collection = Collection.open(self.collection.folder, OneQuery())

    @precondition(lambda self: self.kills < 4)
    @rule()
    def kill(self) -> None:
        """Go on with what lies on the disk at this moment, which is what a killed process leaves."""
        self.kills += 1
        copy = Path(shutil.copytree(self.collection.folder, self.place / str(self.kills)))
        self.collection.close()
        self.collection = Collection.open(copy, OneQuery())

    @rule()
    def read_only(self) -> None:
        with Collection.open(self.collection.folder, OneQuery(), read_only=True) as reader:
            self._is_whole(reader)
            with pytest.raises(StoreError, match="was opened read-only"):
                reader.delete(["d1"])

    # Questions

    @invariant()
    def whole(self) -> None:
        self._is_whole(self.collection)

    def _is_whole(self, collection: Collection) -> None:
        found = {item.doc_id: item for item in collection.documents()}
        assert list(found) == sorted(self.documents)
        for name, item in self.documents.items():
            assert collection.text(name) == item.text
            assert found[name].metadata == json_ready(item.metadata)
        assert (len(collection), collection.chunk_count) == (len(self.documents), len(self.chunks))

    @rule(where=st.none() | _WHERES, k=st.integers(1, 12), exact=st.booleans())
    def search_dense(self, where: tuple[Node, bool] | None, k: int, exact: bool) -> None:
        query = OneQuery().encode_queries(["x"])
        passing = self._passing(where)
        try:
            hits = self.collection.search_dense(query, k=k, where=where and _written(*where), exact=exact)[0]
        except WhereError:
            return
        true = {name: float(chunk.vector @ query[0].astype(np.float64)) for name, chunk in passing.items()}
        best = sorted(true, key=lambda name: (-np.float32(true[name]), name.partition("#")[0], name))
        assert [hit.chunk_id for hit in hits] == best[:k]
        shown = [min(1.0, max(-1.0, true[name])) for name in best[:k]]  # rows rounded to 16 bits may be longer than 1
        assert [hit.score for hit in hits] == pytest.approx(shown, abs=1e-6)
        self._are_right(hits)

    @rule(where=st.none() | _WHERES, k=st.integers(1, 12), words=st.lists(st.sampled_from(_WORDS), max_size=3))
    def search_bm25(self, where: tuple[Node, bool] | None, k: int, words: list[str]) -> None:
        having = {name for name, chunk in self._passing(where).items() if set(words) & set(chunk.text.split())}
        try:
            hits = self.collection.search_bm25([" ".join(words)], k=k, where=where and _written(*where))[0]
        except WhereError:
            return
        assert len(hits) == min(k, len(having))
        assert {hit.chunk_id for hit in hits} <= having
        order = [(-hit.score, hit.doc_id, hit.chunk_id) for hit in hits]
        assert order == sorted(order)
        assert all(hit.score > 0 for hit in hits)
        self._are_right(hits)

    @rule(where=st.none() | _WHERES, k=st.integers(1, 12), fusion=st.sampled_from(["minmax", "rrf"]))
    def search_hybrid(self, where: tuple[Node, bool] | None, k: int, fusion: Any) -> None:
        passing = self._passing(where)
        try:
            hits = search(
                self.collection,
                OneQuery(),
                ["cat fish"],
                k=k,
                where=where and _written(*where),
                options=SearchOptions(fusion=fusion),
            )[0]
        except WhereError:
            return
        assert len(hits) == min(k, len(passing))
        assert {hit.chunk_id for hit in hits} <= passing.keys()
        self._are_right(hits)

    def _passing(self, where: tuple[Node, bool] | None) -> dict[str, Chunk]:
        return {name: chunk for name, chunk in self.chunks.items() if where is None or matches(where[0], chunk.values)}

    def _are_right(self, hits: Sequence[Hit]) -> None:
        assert len({hit.chunk_id for hit in hits}) == len(hits)
        for hit in hits:
            assert hit.text == self.chunks[hit.chunk_id].text
            assert hit.metadata == json_ready(self.documents[hit.doc_id].metadata)

    def teardown(self) -> None:
        self.collection.close()
        shutil.rmtree(self.place)


def _written(node: Node, as_text: bool) -> str | dict[str, Any]:
    """Write a filter as a user would; both forms must mean it."""
    written = _as_text(node) if as_text else _as_mapping(node)
    assert repr(parse(written)) == repr(parse(_as_mapping(node)))
    return written


@pytest.mark.parametrize(
    ("examples", "steps"), [(12, 25), pytest.param(400, 50, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_collection_equals_a_dictionary(examples: int, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense_arm, "_LEAST_ROWS", 10**9)  # what is approximate has its own tests
    CollectionMachine.TestCase.settings = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    CollectionMachine.TestCase("runTest").runTest()
