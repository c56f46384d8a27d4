from __future__ import annotations

import gzip
import io
import re
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from ragkit.errors import LoadError
from ragkit.evaluate.data.collection import Passage
from ragkit.evaluate.data.msmarco import (
    Candidate,
    IdTriple,
    TextTriple,
    collection,
    id_triples,
    is_collection,
    open_folder,
    text_triples,
    top1000,
)
from ragkit.evaluate.data.retrieval import load_retrieval, splits

Write = Callable[..., Path]


def folder(write: Write, text: str = "0\ta passage\n1\tJosÃ© has\ta tab\n") -> Path:
    write("m/queries.dev.small.tsv", "11\tone\n12\tdonâ\x80\x99t\n")
    write("m/qrels.dev.small.tsv", "11\t0\t0\t1\n12\t0\t900\t1\n")
    write("m/msmarco-test2019-queries.tsv", "7\tseven\n8\teight\n")
    write("m/2019qrels-pass.txt", "7 Q0 1 2\n7 Q0 0 0\n")
    return write("m/collection.tsv", text).parent


def test_a_folder_of_msmarco_is_read(write: Write) -> None:
    data = load_retrieval(folder(write), split="dev.small")
    assert data.name == "m/dev.small"
    assert data.queries == {"11": "one", "12": "donâ\x80\x99t"}
    assert data.qrels == {"11": {"0": 1}, "12": {"900": 1}}
    assert list(data.passages()) == [Passage("0", "", "a passage"), Passage("1", "", "JosÃ© has\ta tab")]
    assert (data.relevant_from, data.full_size) == (1, 8_841_823)
    assert data.facts["text"].startswith("as in the file")


def test_the_repaired_text_is_said_to_be_repaired(write: Write) -> None:
    data = load_retrieval(folder(write), split="dev.small", text="repaired")
    assert [passage.text for passage in data.passages()] == ["a passage", "José has\ta tab"]
    assert data.queries["12"] == "don’t"
    assert data.facts["text"].startswith("repaired: UTF-8 that was decoded twice is undone")


def test_deep_learning_counts_grades_from_2_and_keeps_queries_without_judgment_apart(write: Write) -> None:
    data = load_retrieval(folder(write), split="dl19")
    assert data.relevant_from == 2
    assert data.queries == {"7": "seven"}
    assert data.unjudged_queries == {"8": "eight"}


def test_a_missing_split_names_those_that_are_whole(write: Write) -> None:
    place = folder(write)
    assert splits(place) == ["dev.small", "dl19"]
    with pytest.raises(LoadError, match=re.escape("of split 'test'; whole splits are: dev.small, dl19.")):
        load_retrieval(place)
    (place / "collection.tsv").unlink()
    with pytest.raises(LoadError, match=re.escape("has no collection.tsv or part of it (collection.*.tsv).")):
        open_folder(place, "dl19")


def test_packed_files_and_the_official_archive_are_read(write: Write) -> None:
    place = folder(write)
    content = (place / "collection.tsv").read_bytes()
    (place / "collection.tsv").unlink()
    assert not is_collection(place)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo("collection.tsv")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    write("m/collection.tar.gz", packed.getvalue())
    write("m/qrels.dev.small.tsv.gz", gzip.compress((place / "qrels.dev.small.tsv").read_bytes()))
    (place / "qrels.dev.small.tsv").unlink()
    data = load_retrieval(place, split="dev.small")
    assert [passage.doc_id for passage in data.passages()] == ["0", "1"]
    assert data.qrels["11"] == {"0": 1}


def test_a_part_of_the_collection_is_found_under_its_name(write: Write) -> None:
    place = folder(write)
    (place / "collection.tsv").rename(place / "collection.sample.tsv")
    write("m/collection.sample.sources.tsv", "0\tbm25\n")
    data = load_retrieval(place, split="dev.small")
    assert data.files["corpus"].name == "collection.sample.tsv"
    assert data.corpus_note(2) == "closed corpus, 2 of 8,841,823 passages"


def test_the_archive_of_everything_must_be_unpacked_first(write: Write) -> None:
    path = write("m/collectionandqueries.tar.gz", b"")
    with pytest.raises(LoadError, match="holds the collection, packed: unpack it first with `tar xzf`"):
        load_retrieval(path.parent, split="dev.small")


def test_a_wrong_line_of_the_collection_is_named(write: Write) -> None:
    path = write("collection.tsv", "0\ta\n1 no tab\n")
    with pytest.raises(
        LoadError, match=r"collection\.tsv:2: expected 2 columns divided by tabs \(id, passage\), found 1"
    ):
        list(collection(path))


def test_top1000_and_triples_are_streamed(write: Write) -> None:
    lines = "188714\t1000052\tfoods to lower sugar\tWatch portions\tand eat\n"
    assert list(top1000(write("top1000.dev", lines))) == [
        Candidate("188714", "1000052", "foods to lower sugar", "Watch portions\tand eat")
    ]
    assert list(text_triples(write("t.tsv", "is a little caffeine ok\tWe do not know\tIt is generally safe\n"))) == [
        TextTriple("is a little caffeine ok", "We do not know", "It is generally safe")
    ]
    assert list(id_triples(write("i.tsv.gz", gzip.compress(b"400296\t1540783\t3518497\n")))) == [
        IdTriple("400296", "1540783", "3518497")
    ]
    with pytest.raises(LoadError, match=r"t\.tsv:1: expected 3 columns divided by tabs \(query, relevant passage"):
        list(text_triples(write("t.tsv", "a\tb\n")))


def test_a_big_collection_passes_through_at_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "collection.tsv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.writelines(b"%d\t%s\n" % (number, b"the same words again " * 100) for number in range(10_000))
    tracemalloc.start()
    try:
        count = sum(1 for _ in collection(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 10_000
    assert peak < 500_000  # the text alone is 21 MB


def test_the_sample_of_real_passages_is_whole(data: Path) -> None:
    found = load_retrieval(data / "msmarco_passage", split="dl19")
    passages = list(found.passages())
    assert len(passages) == 30_187
    assert found.corpus_note(len(passages)) == "closed corpus, 30,187 of 8,841,823 passages"
    assert (len(found.queries), len(found.unjudged_queries)) == (43, 157)
    assert sum(map(len, found.qrels.values())) == 9_260


def test_dev_small_has_its_published_counts(data: Path) -> None:
    found = load_retrieval(data / "msmarco_passage", split="dev.small")
    relevant = [len(judged) for judged in found.qrels.values()]
    assert (len(relevant), sum(relevant)) == (6_980, 7_437)
    assert [relevant.count(number) for number in (1, 2, 3, 4)] == [6_590, 331, 51, 8]


def test_the_repair_changes_6643_passages_of_the_sample(data: Path) -> None:
    # 30,186 of the 30,187 come out as ir_datasets has them; the other one lost bytes.
    raw = collection(data / "msmarco_passage/collection.sample.tsv.gz")
    repaired = collection(data / "msmarco_passage/collection.sample.tsv.gz", text="repaired")
    assert sum(one.text != other.text for one, other in zip(raw, repaired, strict=True)) == 6_643
