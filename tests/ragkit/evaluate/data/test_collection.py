from __future__ import annotations

from pathlib import Path

import pytest

from ragkit.evaluate.data.collection import Passage, RetrievalData, only_present


def of(qrels: dict[str, dict[str, int]], *doc_ids: str, relevant_from: int = 1) -> RetrievalData:
    return RetrievalData(
        name="x/test",
        queries={query_id: f"text of {query_id}" for query_id in qrels},
        qrels=qrels,
        passages=lambda: iter([Passage(doc_id, "", "text") for doc_id in doc_ids]),
        files={},
        relevant_from=relevant_from,
        unjudged_queries={"q9": "never judged"},
        facts={"judgments": "all that were published"},
    )


@pytest.mark.parametrize(
    ("title", "text", "content"), [("A", "b c", "A b c"), ("", " b ", " b "), ("A", "", "A"), ("", "", "")]
)
def test_title_and_text_are_joined_by_a_blank(title: str, text: str, content: str) -> None:
    assert Passage("1", title, text).content == content


def test_a_part_is_never_called_the_whole() -> None:
    whole = of({})
    assert whole.corpus_note(5183) == "5,183 passages"
    part = RetrievalData("m", {}, {}, lambda: iter(()), {}, full_size=8_841_823)
    assert part.corpus_note(30_187) == "closed corpus, 30,187 of 8,841,823 passages"
    assert part.corpus_note(8_841_823) == "full corpus, 8,841,823 passages"


def test_only_judgments_of_present_passages_are_kept() -> None:
    kept = only_present(of({"q1": {"a": 1, "b": 1, "c": 0}, "q2": {"b": 2}, "q3": {"c": 0}}, "a", "c"))
    assert kept.qrels == {"q1": {"a": 1, "c": 0}, "q3": {"c": 0}}
    assert list(kept.queries) == ["q1", "q3"]
    assert kept.unjudged_queries == {"q9": "never judged", "q2": "text of q2"}
    assert kept.facts["judgments"] == "3 of 5 published, those of passages that are here, for 2 queries"


def test_a_query_is_lost_when_no_passage_of_the_relevant_grades_is_left() -> None:
    kept = only_present(of({"q1": {"a": 1, "b": 2}, "q2": {"a": 2, "b": 2}}, "a", relevant_from=2))
    assert kept.qrels == {"q2": {"a": 2}}


def test_a_full_collection_loses_nothing() -> None:
    data = of({"q1": {"a": 1}}, "a", "b")
    assert only_present(data) is data


def test_the_present_judgments_of_dl19_are_those_of_the_prepared_file(data: Path) -> None:
    from ragkit.evaluate.data.retrieval import load_retrieval
    from ragkit.evaluate.data.trec import read_qrels

    part = only_present(load_retrieval(data / "msmarco_passage", split="dl19"))
    assert part.qrels == read_qrels(data / "msmarco_passage/dl19.qrels.present.tsv")


def test_622_queries_of_dev_small_can_be_served_by_the_sample(data: Path) -> None:
    from ragkit.evaluate.data.retrieval import load_retrieval

    part = only_present(load_retrieval(data / "msmarco_passage", split="dev.small"))
    assert len(part.queries) == 622
    assert sum(map(len, part.qrels.values())) == 627
    assert len(part.unjudged_queries) == 6980 - 622
