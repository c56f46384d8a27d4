from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragkit.errors import InputError, WhereError
from ragkit.retrieve.search import SearchOptions, search, search_ids
from ragkit.store.records import NewChunk, NewDocument

if TYPE_CHECKING:
    from conftest import WordEncoder

    from ragkit.store.collection import Collection
    from ragkit.types import Hit

bounded = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = [
    "BM25",
    "cat",
    "common",
    "day",
    "dense",
    "documents",
    "dog",
    "embeddings",
    "fusion",
    "postman",
    "query",
    "rare",
]
queries = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)


def ids(hits: list[Hit]) -> list[str]:
    return [hit.doc_id for hit in hits]


def one(collection: Collection, query: str, **arguments: Any) -> list[Hit]:
    return search(collection, collection.encoder, [query], **arguments)[0]


def put(collection: Collection, encoder: WordEncoder, doc_id: str, *chunks: str) -> None:
    text = "\n".join(chunks)
    starts = [sum(len(chunk) + 1 for chunk in chunks[:number]) for number in range(len(chunks))]
    spans = [NewChunk(start, start + len(chunk)) for start, chunk in zip(starts, chunks, strict=True)]
    collection.put(NewDocument(doc_id=doc_id, text=text, chunks=spans), encoder.encode_documents(chunks))


@pytest.mark.parametrize("mode", ["hybrid", "dense", "bm25"])
def test_every_mode_finds_the_document_that_says_it(collection: Collection, mode: str) -> None:
    hits = one(collection, "Which dog barks at the postman?", k=3, mode=mode)
    assert (hits[0].doc_id, hits[0].rank, hits[0].text) == ("dogs", 1, "A dog barks at the postman every day.")


def test_ranks_count_from_1_and_scores_fall(collection: Collection) -> None:
    hits = one(collection, "documents of BM25", k=6)
    assert [hit.rank for hit in hits] == [1, 2, 3, 4, 5, 6]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_hybrid_hit_carries_the_raw_score_and_rank_of_both_arms(collection: Collection) -> None:
    hit = one(collection, "rare words", k=1)[0]
    dense = {found.doc_id: found for found in one(collection, "rare words", mode="dense")}[hit.doc_id]
    bm25 = {found.doc_id: found for found in one(collection, "rare words", mode="bm25")}[hit.doc_id]
    assert hit.doc_id == "idf"
    assert (hit.arms["dense"].score, hit.arms["dense"].rank) == (dense.score, dense.rank)
    assert (hit.arms["bm25"].score, hit.arms["bm25"].rank) == (bm25.score, bm25.rank)


def test_an_arm_that_did_not_find_a_chunk_is_absent(collection: Collection) -> None:
    hits = {hit.doc_id: hit for hit in one(collection, "postman", k=6)}
    assert sorted(hits["dogs"].arms) == ["bm25", "dense"]
    assert sorted(hits["idf"].arms) == ["dense"]


@bounded
@given(query=queries)
def test_weight_1_is_the_dense_order_and_weight_0_the_bm25_order(collection: Collection, query: str) -> None:
    for weight, mode in ((1.0, "dense"), (0.0, "bm25")):
        fused = one(collection, query, k=6, options=SearchOptions(weight=weight))
        assert ids(fused) == ids(one(collection, query, k=6, mode=mode))


@bounded
@given(query=queries, k=st.integers(1, 6), fusion=st.sampled_from(["minmax", "rrf"]), pool=st.integers(1, 8))
def test_a_smaller_k_gives_the_beginning_of_the_same_hits(
    collection: Collection, query: str, k: int, fusion: Any, pool: int
) -> None:
    options = SearchOptions(fusion=fusion, pool=max(pool, k))
    largest = max(pool, k)
    assert one(collection, query, k=k, options=options) == one(collection, query, k=largest, options=options)[:k]


@bounded
@given(query=queries, sixteenths=st.integers(0, 16), pool=st.integers(1, 8))
def test_hybrid_scores_equal_a_second_implementation(
    collection: Collection, query: str, sixteenths: int, pool: int
) -> None:
    weight, k = sixteenths / 16, pool
    cosine = {hit.doc_id: hit.score for hit in one(collection, query, k=6, mode="dense")}
    words = {hit.doc_id: hit.score for hit in one(collection, query, k=pool, mode="bm25")}
    listed = ids(one(collection, query, k=pool, mode="dense"))
    both = set(listed) | set(words)
    low, high = min(cosine[name] for name in both), max(cosine[name] for name in both)
    default = min(words.values()) if len(words) == pool else 0.0
    expected = {}
    for name in both:
        dense = (cosine[name] - low) / (high - low) if high > low else 1.0
        bm25 = words.get(name, default) / max(words.values()) if words else 0.0
        expected[name] = weight * dense + (1 - weight) * bm25
    found = one(collection, query, k=k, options=SearchOptions(weight=weight, pool=pool))
    assert {hit.doc_id: pytest.approx(expected[hit.doc_id], abs=1e-4) for hit in found} == {
        hit.doc_id: hit.score for hit in found
    }


def test_a_batch_gives_what_its_queries_give_one_by_one(collection: Collection) -> None:
    asked = ["rare words", "dog", "dense retrieval"]
    for mode in ("hybrid", "dense", "bm25"):
        together = search(collection, collection.encoder, asked, k=4, mode=mode)
        assert [ids(hits) for hits in together] == [ids(one(collection, query, k=4, mode=mode)) for query in asked]


def test_a_batch_is_embedded_in_one_call(collection: Collection, encoder: WordEncoder) -> None:
    encoder.calls.clear()
    search(collection, encoder, ["a cat"] * 300, k=1)
    assert [len(call) for call in encoder.calls] == [300]


def test_a_batch_longer_than_a_block_keeps_its_order(collection: Collection) -> None:
    asked = ["cat", "dog"] * 150
    found = search(collection, collection.encoder, asked, k=1)
    assert [hits[0].doc_id for hits in found] == ["cats", "dogs"] * 150


def test_no_queries_give_no_results(collection: Collection) -> None:
    assert search(collection, collection.encoder, []) == []


def test_an_empty_collection_gives_no_hits(empty: Collection) -> None:
    for mode in ("hybrid", "dense", "bm25"):
        assert one(empty, "anything", mode=mode) == []
        assert one(empty, "anything", mode=mode, options=SearchOptions(diversity=0.5, unit="document")) == []


def test_a_query_of_stop_words_has_no_bm25_hits_and_the_dense_order_in_hybrid(collection: Collection) -> None:
    assert one(collection, "of the and", mode="bm25") == []
    assert ids(one(collection, "of the and", k=6)) == ids(one(collection, "of the and", k=6, mode="dense"))


def test_bm25_needs_no_encoder(collection: Collection) -> None:
    assert ids(search(collection, None, ["postman"], mode="bm25")[0]) == ["dogs"]


@pytest.mark.parametrize("mode", ["hybrid", "dense"])
def test_the_other_modes_say_that_they_need_an_encoder(collection: Collection, mode: str) -> None:
    with pytest.raises(InputError, match=rf"^mode {mode} needs an embedding model, got None: pass the one"):
        search(collection, None, ["postman"], mode=mode)


def test_a_filter_holds_in_every_mode(collection: Collection) -> None:
    for mode in ("hybrid", "dense", "bm25"):
        hits = one(collection, "BM25 words documents", k=6, mode=mode, where="year < 2000")
        assert sorted(ids(hits)) == ["bm25", "idf"]


def test_a_filter_on_an_unknown_field_is_refused(collection: Collection) -> None:
    with pytest.raises(WhereError, match="colour"):
        one(collection, "BM25", where='colour = "red"')


def test_rrf_scores_are_half_reciprocal_ranks(collection: Collection) -> None:
    hit = one(collection, "Which dog barks at the postman?", k=1, options=SearchOptions(fusion="rrf"))[0]
    assert (hit.doc_id, hit.score) == ("dogs", pytest.approx(1 / 61))


def test_the_unit_document_gives_each_document_once_by_its_best_chunk(empty: Collection, encoder: WordEncoder) -> None:
    put(empty, encoder, "a", "the cat sleeps", "the cat eats fish")
    put(empty, encoder, "b", "a dog", "no fish here but a cat")
    for mode in ("hybrid", "dense", "bm25"):
        hits = one(empty, "cat eats fish", mode=mode, options=SearchOptions(unit="document"))
        assert [(hit.chunk_id, hit.rank) for hit in hits] == [("a#1", 1), ("b#1", 2)]


def test_the_unit_document_looks_past_a_pool_that_one_document_fills(empty: Collection, encoder: WordEncoder) -> None:
    put(empty, encoder, "long", *[f"cat number {number}" for number in range(40)])
    put(empty, encoder, "short", "one more cat was seen by somebody")
    put(empty, encoder, "other", "and a cat again, this time by nobody in particular")
    options = SearchOptions(unit="document", pool=2)
    found = search(empty, encoder, ["cat number", "somebody"], k=3, options=options)
    assert [sorted(ids(hits)) for hits in found] == [["long", "other", "short"]] * 2


def test_diversity_puts_a_repetition_behind_something_new(empty: Collection, encoder: WordEncoder) -> None:
    empty.add_texts(
        ["cats and fish", "cats and fish", "cats in winter and in summer"], doc_ids=["first", "second", "third"]
    )
    assert ids(one(empty, "cats fish", k=2)) == ["first", "second"]
    for mode in ("hybrid", "dense", "bm25"):
        hits = one(empty, "cats fish", k=2, mode=mode, options=SearchOptions(diversity=0.3))
        assert ids(hits) == ["first", "third"]


def test_diversity_of_bm25_says_that_it_needs_an_encoder(collection: Collection) -> None:
    with pytest.raises(InputError, match=r"^diversity needs an embedding model, got None"):
        search(collection, None, ["postman"], mode="bm25", options=SearchOptions(diversity=0.5))


def test_equal_hits_are_ordered_by_id(empty: Collection, encoder: WordEncoder) -> None:
    empty.add_texts(["same words"] * 3, doc_ids=["c", "a", "b"])
    for mode in ("hybrid", "dense", "bm25"):
        assert ids(one(empty, "same words", mode=mode)) == ["a", "b", "c"]


def test_k_below_1_is_refused(collection: Collection) -> None:
    with pytest.raises(InputError, match=r"^k must be at least 1, got 0\.$"):
        one(collection, "BM25", k=0)


@pytest.mark.parametrize("query", ["", "   ", "\n\t"])
def test_an_empty_query_is_refused(collection: Collection, query: str) -> None:
    with pytest.raises(InputError, match=r"^the query is empty: expected at least one word to look for\.$"):
        one(collection, query)


def test_one_string_in_place_of_a_list_is_refused(collection: Collection) -> None:
    with pytest.raises(InputError, match=r"^queries must be a list of strings, got one string"):
        search(collection, collection.encoder, "BM25")


def test_a_query_that_is_no_string_is_refused(collection: Collection) -> None:
    with pytest.raises(InputError, match=r"^a query must be a string, got int\.$"):
        search(collection, collection.encoder, [7])  # type: ignore[list-item]


def test_half_a_character_is_refused(collection: Collection) -> None:
    with pytest.raises(InputError, match=r"^the query holds half a character \(a lone surrogate\): decode it as UTF-8"):
        one(collection, "\ud83d")


def test_an_unknown_mode_is_refused(collection: Collection) -> None:
    with pytest.raises(InputError, match=r"^mode must be hybrid, dense or bm25, got 'sparse'\.$"):
        one(collection, "BM25", mode="sparse")


@pytest.mark.parametrize("query", ["🙂", "检索", "?!", "a" * 5000, "naïve café", "AND OR NOT", 'title:"x" ~2 ^3', "*"])
def test_any_visible_text_is_a_query(collection: Collection, query: str) -> None:
    for mode in ("hybrid", "dense", "bm25"):
        assert len(one(collection, query, k=3, mode=mode)) <= 3


def test_vectors_that_are_known_are_not_made_again(collection: Collection, encoder: WordEncoder) -> None:
    queries = ["rare words", "postman"]
    vectors = encoder.encode_queries(queries)
    for mode in ("hybrid", "dense"):
        expected = search(collection, encoder, queries, mode=mode)
        assert search(collection, None, queries, mode=mode, vectors=vectors) == expected
    with pytest.raises(InputError, match=r"^got 2 vectors for 1 queries: give one of each\.$"):
        search(collection, None, ["postman"], vectors=vectors)


def test_an_exact_search_is_asked_for_by_an_option(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    from ragkit.store.dense_arm import DenseArm

    asked: list[bool] = []
    plain = DenseArm.search

    def noted(self: DenseArm, *given: Any, exact: bool = False) -> Any:
        asked.append(exact)
        return plain(self, *given, exact=exact)

    monkeypatch.setattr(DenseArm, "search", noted)
    for exact in (True, False):
        one(collection, "postman", options=SearchOptions(exact=exact))
    assert asked == [True, False]


@pytest.mark.parametrize("mode", ["hybrid", "dense", "bm25"])
@pytest.mark.parametrize(
    "options",
    [SearchOptions(), SearchOptions(unit="document"), SearchOptions(fusion="rrf"), SearchOptions(diversity=0.5)],
)
def test_ids_alone_are_those_of_the_hits(
    collection: Collection, encoder: WordEncoder, mode: str, options: SearchOptions
) -> None:
    queries = ["documents of a query", "a cat and a dog", "the day", "documents of a query"]
    hits = search(collection, encoder, queries, k=3, mode=mode, options=options)
    found = search_ids(collection, encoder, queries, k=3, mode=mode, options=options)
    assert found == [[hit.doc_id for hit in run] for run in hits]


def test_ids_alone_are_refused_where_hits_are(collection: Collection, encoder: WordEncoder) -> None:
    with pytest.raises(InputError, match="k must be at least 1, got 0"):
        search_ids(collection, encoder, ["a"], k=0)
    with pytest.raises(InputError, match="the query is empty"):
        search_ids(collection, encoder, [" "])
    assert search_ids(collection, encoder, []) == []
