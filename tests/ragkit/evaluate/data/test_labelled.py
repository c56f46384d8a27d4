from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ragkit.errors import LoadError
from ragkit.evaluate.data.labelled import (
    LabelledText,
    TaggedSentence,
    Translation,
    ag_news,
    banking77,
    multi30k,
    sst2,
    tagged_sentences,
    wnut17,
)

Write = Callable[..., Path]


def test_sst2_is_read_with_and_without_a_header(write: Write) -> None:
    assert list(sst2(write("a.tsv", "good\tfilm\t1\r\n\r\nbad\t0\n"))) == [
        LabelledText("1", "good\tfilm", "positive"),
        LabelledText("3", "bad", "negative"),
    ]
    assert [row.id for row in sst2(write("b.tsv", "sentence\tlabel\ngood \t1\n"))] == ["2"]
    with pytest.raises(LoadError, match=re.escape("c.tsv:2: expected `sentence TAB 0` or `1`, got 'good\\t2'.")):
        list(sst2(write("c.tsv", "good\t1\ngood\t2\n")))


def test_ag_news_joins_title_and_description(write: Write) -> None:
    path = write("test.csv.gz", gzip.compress(b'"3","Fears","Unions say ""no""\\now"\n"1","A","B"\n'))
    assert list(ag_news(path)) == [
        LabelledText("1", 'Fears Unions say "no" now', "Business"),
        LabelledText("2", "A B", "World"),
    ]
    with pytest.raises(LoadError, match=r"a\.csv:1: the class must be 1 to 4, got 5"):
        list(ag_news(write("a.csv", '"5","A","B"\n')))


def test_banking77_has_a_header_and_quoted_texts(write: Write) -> None:
    path = write("test.csv", 'text,category\n"I waited, and\nwaited",card_arrival\nWhy?,age_limit\n')
    assert list(banking77(path)) == [
        LabelledText("1", "I waited, and\nwaited", "card_arrival"),
        LabelledText("2", "Why?", "age_limit"),
    ]
    with pytest.raises(LoadError, match=r"b\.csv:2: has no field 'category'; its fields are text, label\."):
        list(banking77(write("b.csv", "text,label\nWhy?,x\n")))


def test_tagged_sentences_are_divided_by_empty_lines(write: Write) -> None:
    path = write("a.conll", "\nAnn\tB-person\nLee\tI-person\n\n\t\nsings\tO\n")
    assert list(tagged_sentences(path)) == [
        TaggedSentence("2", ("Ann", "Lee"), ("B-person", "I-person")),
        TaggedSentence("6", ("sings",), ("O",)),
    ]
    assert list(tagged_sentences(write("b.conll", "a\tO\n\n"))) == [TaggedSentence("1", ("a",), ("O",))]


@pytest.mark.parametrize("line", ["Ann", "Ann\tperson", "\tO"])
def test_a_token_without_tag_is_named(write: Write, line: str) -> None:
    with pytest.raises(LoadError, match=r"a\.conll:2: expected `token TAB tag`, the tag being O, B-kind or I-kind"):
        list(tagged_sentences(write("a.conll", f"a\tO\n{line}\n")))


def test_translations_stand_line_beside_line(write: Write, tmp_path: Path) -> None:
    write("val.en.gz", gzip.compress(b"A man\n\n"))
    write("val.de", "Ein Mann\n\n")
    assert list(multi30k(tmp_path, "val")) == [Translation("1", "A man", "Ein Mann"), Translation("2", "", "")]


@pytest.mark.parametrize(("english", "german", "longer"), [("a\nb\n", "a\n", "val.en"), ("a\n", "a\nb\n", "val.de")])
def test_a_line_without_partner_is_named(write: Write, tmp_path: Path, english: str, german: str, longer: str) -> None:
    write("val.en", english)
    write("val.de", german)
    with pytest.raises(LoadError, match=rf"{longer}:2: this line has no partner: val\.en and val\.de must have"):
        list(multi30k(tmp_path, "val"))


def test_a_missing_part_says_what_there_is(write: Write, tmp_path: Path) -> None:
    write("val.en", "")
    with pytest.raises(LoadError, match=r"has no part 'val'; it holds val\.en\."):
        list(multi30k(tmp_path, "val"))
    with pytest.raises(LoadError, match="has no part 'other'"):
        wnut17(tmp_path, "other")
    with pytest.raises(LoadError, match="has no part 'test'; it holds nothing"):
        wnut17(tmp_path / "none")


@pytest.mark.parametrize(
    ("split", "positive", "negative"), [("train", 3610, 3310), ("dev", 444, 428), ("test", 909, 912)]
)
def test_real_sst2_has_its_counts(data: Path, split: str, positive: int, negative: int) -> None:
    assert Counter(row.label for row in sst2(data / f"sst2/{split}.tsv")) == {
        "positive": positive,
        "negative": negative,
    }


def test_real_ag_news_has_its_counts(data: Path) -> None:
    counts = Counter(row.label for row in ag_news(data / "ag_news/test.csv.gz"))
    assert counts == {"World": 1900, "Sports": 1900, "Business": 1900, "Sci/Tech": 1900}


@pytest.mark.parametrize(
    ("split", "sentences", "tokens", "entities"),
    [("train", 3394, 62730, 1975), ("dev", 1009, 15733, 836), ("test", 1287, 23394, 1079)],
)
def test_real_wnut17_has_its_published_counts(
    data: Path, split: str, sentences: int, tokens: int, entities: int
) -> None:
    rows = list(wnut17(data / "wnut17_ner", split))
    assert len(rows) == sentences
    assert sum(len(row.tokens) for row in rows) == tokens
    assert sum(tag.startswith("B-") for row in rows for tag in row.tags) == entities


@pytest.mark.parametrize(("split", "count"), [("val", 1014), ("test_2016_flickr", 1000), ("test_2017_flickr", 1000)])
@pytest.mark.parametrize("target", ["de", "fr"])
def test_real_multi30k_has_its_published_counts(data: Path, split: str, count: int, target: str) -> None:
    assert len(list(multi30k(data / "multi30k", split, target=target))) == count
