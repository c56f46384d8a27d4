from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import InputError, LoadError
from ragkit.evaluate.data.beir import distinct, jsonl_passages, tab_passages
from ragkit.evaluate.data.collection import Passage
from ragkit.evaluate.data.retrieval import load_retrieval, splits

Write = Callable[..., Path]


def beir(write: Write, name: str = "set") -> Path:
    write(f"{name}/corpus.jsonl", {"_id": "d1", "title": "T", "text": "x"}, {"_id": 2, "text": ""})
    write(f"{name}/queries.jsonl", {"_id": "q1", "text": "one"}, {"_id": "q2", "text": "two"})
    return write(f"{name}/qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t1\n").parents[1]


def test_a_folder_of_beir_is_read(write: Write) -> None:
    folder = beir(write)
    data = load_retrieval(folder)
    assert data.name == "set/test"
    assert data.queries == {"q1": "one"}
    assert data.unjudged_queries == {"q2": "two"}
    assert data.qrels == {"q1": {"d1": 1}}
    assert list(data.passages()) == [Passage("d1", "T", "x"), Passage("2", "", "")]
    assert list(data.passages()) == list(data.passages())
    assert data.files == {
        "corpus": folder / "corpus.jsonl",
        "queries": folder / "queries.jsonl",
        "qrels": folder / "qrels/test.tsv",
    }
    assert (data.relevant_from, data.ignore_identical_ids, data.full_size) == (1, False, None)


def test_packed_files_are_read_too(write: Write) -> None:
    folder = beir(write)
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()
    assert load_retrieval(folder).qrels == {"q1": {"d1": 1}}


@pytest.mark.parametrize(
    ("name", "drops"), [("arguana", True), ("Quora", True), ("fever", True), ("scifact", False), ("adi", False)]
)
def test_hits_with_the_id_of_the_query_are_dropped_where_queries_are_documents(
    write: Write, name: str, drops: bool
) -> None:
    assert load_retrieval(beir(write, name)).ignore_identical_ids is drops


def test_the_test_split_of_msmarco_in_beir_has_the_rule_of_deep_learning(write: Write) -> None:
    data = load_retrieval(beir(write, "msmarco"))
    assert (data.relevant_from, data.full_size) == (2, 8_841_823)


def test_a_missing_split_names_those_that_are_there(write: Write) -> None:
    folder = beir(write)
    write("set/qrels/dev.tsv.gz", gzip.compress(b"q2\td1\t1\n"))
    write("set/qrels/train.tsv", "q2\td1\t1\n")
    assert splits(folder) == ["test", "dev", "train"]
    assert load_retrieval(folder, split="dev").queries == {"q2": "two"}
    with pytest.raises(LoadError, match=re.escape("has no judgments of split 'eval'; there are: test, dev, train.")):
        load_retrieval(folder, split="eval")


def test_text_is_repaired_in_the_files_of_msmarco_only(write: Write) -> None:
    folder = beir(write)
    with pytest.raises(InputError, match="is not in the files of MS MARCO, whose text alone is repaired"):
        load_retrieval(folder, text="repaired")
    with pytest.raises(InputError, match="text must be raw or repaired, got 'clean'"):
        load_retrieval(folder, text="clean")  # type: ignore[arg-type]


def test_a_missing_file_is_named(write: Write, tmp_path: Path) -> None:
    folder = beir(write)
    (folder / "queries.jsonl").unlink()
    with pytest.raises(LoadError, match=re.escape("has no queries.jsonl or queries.tsv (plain, .gz, .bz2 or .xz).")):
        load_retrieval(folder)
    (folder / "corpus.jsonl").unlink()
    with pytest.raises(LoadError, match="is no test collection known here: expected"):
        load_retrieval(folder)
    with pytest.raises(LoadError, match="there is no such folder"):
        load_retrieval(tmp_path / "none")


def test_a_judged_query_without_text_is_an_error(write: Write) -> None:
    folder = beir(write)
    write("set/qrels/test.tsv", "q1\td1\t1\nq7\td1\t1\nq8\td1\t1\n")
    with pytest.raises(
        LoadError, match=r"test\.tsv: judges 2 queries that queries\.jsonl does not have, the first is 'q7'"
    ):
        load_retrieval(folder)


def test_three_plain_files_are_a_collection(write: Write) -> None:
    write("set/corpus.tsv", "0-0\ta passage\twith a tab\n")
    write("set/queries.tsv", "0\ta query\n")
    folder = write("set/qrels.txt", "0 Q0 0-0 2\n").parent
    data = load_retrieval(folder)
    assert data.qrels == {"0": {"0-0": 2}}
    assert list(data.passages()) == [Passage("0-0", "", "a passage\twith a tab")]
    with pytest.raises(LoadError, match="has no judgments of split 'dev'; there are: test"):
        load_retrieval(folder, split="dev")


def test_a_retrieval_task_of_mtrag_needs_its_passages(write: Write) -> None:
    write("cloud/cloud_lastturn.jsonl", {"_id": "c<::>2", "text": "|user|: and then?"})
    folder = write(
        "cloud/qrels/dev.tsv", "query-id\tcorpus-id\tscore\nc<::>2\tdoc_1-2-0-9\t1\nc<::>2\tdoc_1-2-9-20\t1\n"
    )
    with pytest.raises(LoadError, match=re.escape("put corpora/cloud.jsonl of its release there as corpus.jsonl.")):
        load_retrieval(folder.parents[1], split="lastturn")
    with pytest.raises(LoadError, match="its splits are lastturn, rewrite, questions, not 'test'"):
        load_retrieval(folder.parents[1])
    write("cloud/corpus.jsonl", {"_id": "doc_1-2", "text": "x"})
    data = load_retrieval(folder.parents[1], split="lastturn")
    assert splits(folder.parents[1]) == ["lastturn"]
    assert data.queries == {"c<::>2": "and then?"}
    assert data.qrels == {"c<::>2": {"doc_1-2": 1}}


@pytest.mark.parametrize("doc_id", ["7", "07", "a", "134217728", "٧"])
def test_a_repeated_passage_is_named(write: Write, doc_id: str) -> None:
    path = write("c.tsv", f"5\tx\n{doc_id}\tx\n{doc_id}\ty\n")
    with pytest.raises(LoadError, match=rf"c\.tsv:3: passage '{doc_id}' stands here a second time\."):
        list(tab_passages(path))


def test_ids_that_look_alike_are_different(write: Write) -> None:
    path = write("c.jsonl", *({"_id": doc_id, "text": ""} for doc_id in ("7", "07", "+7", "7.0", "٧", "0", "00")))
    assert [passage.doc_id for passage in jsonl_passages(path)] == ["7", "07", "+7", "7.0", "٧", "0", "00"]


def test_a_passage_without_id_is_named(write: Write) -> None:
    with pytest.raises(LoadError, match=r"c\.tsv:1: the passage has no id"):
        list(tab_passages(write("c.tsv", "\tx\n")))
    with pytest.raises(LoadError, match=r"c\.jsonl:1: has no field '_id' or 'id'; its fields are text"):
        list(jsonl_passages(write("c.jsonl", {"text": "x"})))


@given(
    ids=st.lists(
        st.integers(min_value=0, max_value=300).map(str) | st.text("0123x", min_size=1, max_size=3), max_size=40
    )
)
@settings(max_examples=100, deadline=None)
def test_passages_pass_until_the_first_repeated_id(ids: list[str]) -> None:
    rows = ((f"f:{at}", Passage(doc_id, "", "")) for at, doc_id in enumerate(ids))
    repeated = next((at for at, doc_id in enumerate(ids) if doc_id in ids[:at]), None)
    passages = distinct(rows)
    assert [next(passages).doc_id for _ in ids[:repeated]] == ids[:repeated]
    if repeated is not None:
        with pytest.raises(LoadError, match=f"f:{repeated}: passage '{ids[repeated]}' stands here a second time"):
            next(passages)


@pytest.mark.parametrize(
    ("name", "passages", "queries", "judgments", "empty"),
    [
        ("scifact", 5183, 300, 339, 0),
        ("cranfield", 1400, 225, 1837, 2),
        ("vaswani_npl", 11429, 93, 2083, 0),
        ("adi", 82, 35, 170, 0),
        ("noveleval", 420, 21, 420, 0),
    ],
)
def test_real_collections_have_their_published_counts(
    data: Path, name: str, passages: int, queries: int, judgments: int, empty: int
) -> None:
    found = load_retrieval(data / name)
    texts = [passage.content for passage in found.passages()]
    assert len(texts) == passages
    assert sum(not text.strip() for text in texts) == empty
    assert len(found.queries) == queries
    assert sum(map(len, found.qrels.values())) == judgments


def test_the_grades_of_cranfield_are_those_of_its_readme(data: Path) -> None:
    grades = [grade for judged in load_retrieval(data / "cranfield").qrels.values() for grade in judged.values()]
    assert [grades.count(grade) for grade in (1, 2, 3, 4)] == [363, 734, 387, 353]


def test_the_train_split_of_scifact_is_there_too(data: Path) -> None:
    assert len(load_retrieval(data / "scifact", split="train").queries) == 809


@pytest.mark.parametrize("name", ["clapnq", "cloud", "fiqa", "govt"])
def test_real_retrieval_tasks_of_mtrag_say_what_they_lack(data: Path, name: str) -> None:
    with pytest.raises(LoadError, match="holds questions and judgments of MTRAG, but no passages"):
        load_retrieval(data / "mtrag/retrieval_tasks" / name, split="rewrite")


def test_a_wrong_line_in_the_middle_of_a_collection_is_named_by_its_number(write: Write) -> None:
    rows = [json.dumps({"_id": str(at), "text": "x"}) for at in range(5)]
    path = write("c.jsonl", "\n".join([*rows[:3], '{"_id": "3", "text"', *rows[3:]]))
    with pytest.raises(LoadError, match=r"c\.jsonl:4: is not JSON"):
        list(jsonl_passages(path))
