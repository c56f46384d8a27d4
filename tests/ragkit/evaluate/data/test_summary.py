from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ragkit.errors import InputError, LoadError
from ragkit.evaluate.data.recognise import recognise
from ragkit.evaluate.data.summary import KINDS, summarise

Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("g.jsonl", {"id": "1", "response": "r", "supported": True}, "groundedness"),
        ("a.jsonl", {"id": "1", "question": "q", "answers": []}, "answers"),
        ("dev.json", {"query": "q", "passages": []}, "msmarco-qa"),
        ("dev.json", '{"answers": {"19699": []}, "query": {"19699": "q"}}', "msmarco-qa"),
        ("r.json", {"query_id": 1, "answers": []}, "msmarco-references"),
        ("dev.json", '[\n {"Question": "q", "Rewrite": "r"}]', "canard"),
        ("s.json", '{"version": "v2.0", "data": [{"title": "t", "paragraphs": []}]}', "squad"),
        ("h.json", '{"name": "n", "filters": []}', "mtrag-human"),
        ("t.jsonl", {"task_id": "1", "contexts": []}, "mtrag-tasks"),
        ("c.jsonl", {"claim": "c", "evidence": []}, "wice"),
        ("qa_data.json", {"knowledge": "k", "right_answer": "r"}, "halueval-qa"),
        ("general_data.json", {"chatgpt_response": "r"}, "halueval-general"),
        ("x.jsonl", {"dataset": "begin", "label": None}, "begin"),
        ("queries.jsonl", {"_id": "1", "text": "t"}, "topics"),
        ("2019qrels-pass.txt", "1 Q0 2 3\n", "qrels"),
        ("run.dl19.trec", "", "run"),
        ("emerging.test.annotated", "", "tagged"),
        ("queries.dev.tsv", "", "topics"),
        ("test.csv", '"3","Title","Text"\n', "ag-news"),
        ("dev.tsv", "good film\t1\n", "sst2"),
        ("folder/data.jsonl", {"dataset": "ragtruth_qa", "label": 1}, "ragtruth"),
        ("folder/collection.tsv", "", "msmarco"),
        ("folder/corpus.jsonl", "", "beir"),
        ("folder/response.jsonl", "", "ragtruth"),
        ("folder/folder_rewrite.jsonl", "", "mtrag-rewrites"),
    ],
)
def test_kinds_are_recognised(write: Write, name: str, content: Any, kind: str) -> None:
    path = write(name, content)
    assert recognise(path.parent if name.startswith("folder/") else path) == kind
    assert kind in KINDS


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.bin", "x"),
        ("a.json", "[1]"),
        ("a.jsonl", {"x": 1}),
        ("a.tsv", ""),
        ("a.csv", "question,answer\n"),
        ("stats.json", '{\n "rows": 3\n}\n'),
        ("stats.json", '{"paragraphs": 3}'),
    ],
)
def test_what_is_not_known_is_said_to_be_so(write: Write, name: str, content: Any) -> None:
    with pytest.raises(InputError, match="is no set known here: name its kind in place of auto"):
        recognise(write(name, content))


def test_what_is_not_there_or_empty_is_said_to_be_so(write: Write, tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="there is no such file or folder"):
        summarise(tmp_path / "none")
    with pytest.raises(InputError, match=re.escape("kind 'foo' is not known: name one of beir, msmarco")):
        summarise(tmp_path, "foo")
    with pytest.raises(InputError, match="is no set known here"):
        recognise(write("empty.jsonl", ""))
    with pytest.raises(InputError, match="is no set known here"):
        recognise(write("other/readme.md", "").parent)


def test_a_folder_of_several_sets_names_the_files_that_are_known(write: Write) -> None:
    write("xquad/xquad.de.json", '{"data": [{"paragraphs": []}]}')
    write("xquad/xquad.en.json", '{"data": [{"paragraphs": []}]}')
    folder = write("xquad/README.md", "").parent
    with pytest.raises(
        InputError, match=r"xquad is no set known here, but in it are: xquad\.de\.json, xquad\.en\.json\. "
    ):
        recognise(folder)


def test_a_file_that_breaks_off_is_said_to_be_so(write: Write) -> None:
    path = write("a.jsonl.gz", "")
    path.write_bytes(gzip.compress(b"{}" * 1000)[:20])
    with pytest.raises(LoadError, match=r"a\.jsonl\.gz: breaks off or is damaged"):
        recognise(path)


def test_a_collection_is_counted_with_what_must_be_said_of_it(write: Write) -> None:
    write("m/collection.tsv", "0\ta\n1\t \n")
    write("m/queries.dl19.tsv", "7\tseven\n8\teight\n9\tnine\n")
    folder = write("m/2019qrels-pass.txt", "7 Q0 0 2\n7 Q0 5 3\n8 Q0 0 1\n8 Q0 6 2\n").parent
    summary = summarise(folder)
    assert summary.kind == "msmarco"
    assert summary.counts == {
        "passages": 2,
        "empty passages": 1,
        "queries with judgments": 2,
        "queries without": 1,
        "judgments": 4,
        "judgments of passages here": 1,
        "queries with a relevant passage here": 1,
        "grade 1": 1,
        "grade 2": 2,
        "grade 3": 1,
    }
    assert summary.facts["split"] == "m/dl19"
    assert summary.facts["corpus"] == "closed corpus, 2 of 8,841,823 passages"


def test_a_wrong_line_is_found_by_counting(write: Write) -> None:
    folder = write("b/qrels/test.tsv", "q\td\t1\n").parents[1]
    write("b/queries.jsonl", {"_id": "q", "text": ""})
    write("b/corpus.jsonl", {"_id": "d", "text": ""}, {"_id": "e"})
    with pytest.raises(LoadError, match=r"corpus\.jsonl:2: has no field 'text'"):
        summarise(folder)


def test_a_split_that_is_missing_is_an_error_and_the_first_there_is_the_default(write: Write) -> None:
    write("b/queries.jsonl", {"_id": "q", "text": ""})
    write("b/corpus.jsonl", {"_id": "d", "text": ""})
    folder = write("b/qrels/train.tsv", "q\td\t1\n").parents[1]
    assert summarise(folder).facts["split"] == "b/train"
    with pytest.raises(LoadError, match="has no judgments of split 'dev'"):
        summarise(folder, split="dev")


@pytest.mark.parametrize(
    ("kind", "name", "content", "counts"),
    [
        ("qrels", "q.txt", "1 0 2 3\n1 0 4 0\n", {"queries": 1, "judgments": 2}),
        ("run", "r.trec", "1 Q0 2 1 9 t\n", {"queries": 1, "hits": 1, "longest list": 1}),
        ("topics", "q.tsv", "1\ta\n", {"queries": 1}),
        (
            "answers",
            "a.jsonl",
            {"id": 1, "question": "q", "answers": []},
            {"questions": 1, "without answer": 1, "answers": 0},
        ),
        (
            "groundedness",
            "g.jsonl",
            {"id": 1, "context": "", "response": "abc", "supported": False, "spans": [[0, 1]]},
            {"rows": 1, "supported": 0, "unsupported": 1, "spans": 1, "without context": 1},
        ),
        ("tagged", "t.conll", "a\tB-x\nb\tO\n", {"sentences": 1, "tokens": 2, "entities": 1}),
        ("sst2", "s.tsv", "a\t1\n", {"texts": 1, "positive": 1}),
        ("msmarco-references", "r.json", {"query_id": 1, "answers": []}, {"questions": 1}),
    ],
)
def test_files_are_counted(write: Write, kind: str, name: str, content: Any, counts: dict[str, int]) -> None:
    assert summarise(write(name, content), kind).counts == counts


@pytest.mark.parametrize(
    ("path", "kind", "counts"),
    [
        ("mtrag", "mtrag-human", {"answers": 477, "tasks": 159, "faithfulness ratings": 465 * 3 + 12 * 2}),
        ("mtrag/mtragun_reference.jsonl.gz", "mtrag-tasks", {"tasks": 507}),
        ("canard/dev.jsonl.gz", "canard", {"rewrites": 3430}),
        ("wnut17_ner", "wnut17", {"sentences": 1287}),
        ("multi30k", "multi30k", {"sentences": 1014}),
        ("wice", "wice", {"rows": 707, "supported": 226}),
        ("ragtruth_qa_test", "ragtruth", {"rows": 425}),
        ("factscore", "factscore", {"rows": 14525}),
        ("cranfield", "beir", {"passages": 1400, "empty passages": 2}),
    ],
)
def test_real_sets_are_recognised_and_counted(data: Path, path: str, kind: str, counts: dict[str, int]) -> None:
    summary = summarise(data / path)
    assert summary.kind == kind
    assert {name: summary.counts[name] for name in counts} == counts


def test_counts_are_plain_json(write: Write) -> None:
    summary = summarise(write("s.tsv", "a\t1\n"), "sst2")
    assert json.loads(json.dumps(dict(summary.counts))) == {"texts": 1, "positive": 1}
