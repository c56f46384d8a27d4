"""Real documents through the commands, as a user would: SQuAD articles, web pages, filings, an encyclopaedia."""

from __future__ import annotations

import bz2
import gzip
import json
import re
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def articles(data: Path) -> list[dict[str, Any]]:
    return json.loads((data / "xquad_en/xquad.en.json").read_text(encoding="utf-8"))["data"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def xquad_folder(articles: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("xquad") / "articles"
    folder.mkdir()
    for article in articles:
        text = "\n\n".join(paragraph["context"] for paragraph in article["paragraphs"])
        (folder / f"{article['title'].replace('/', '_')}.txt").write_text(text, encoding="utf-8")
    return folder


def first_questions(articles: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    rows = (article["paragraphs"][0]["qas"][0] for article in articles)
    return [(row["question"], [answer["text"] for answer in row["answers"]]) for row in rows]


def check_citations(ragkit: Run, answer: dict[str, Any], store: Path) -> None:
    for citation in answer["citations"]:
        place = ("--start", citation["start"], "--end", citation["end"])
        assert ragkit("show", citation["doc_id"], "--store", store, *place).out == citation["quote"]


def test_squad_articles_answer_with_the_gold_text(
    ragkit: Run, articles: list[dict[str, Any]], xquad_folder: Path
) -> None:
    store = xquad_folder.parent / "store"
    report = ragkit("index", xquad_folder, "--store", store, "--json").json
    assert (report["added"], report["failed"]) == (48, [])
    answered = 0
    for question, gold in first_questions(articles):
        answer = ragkit("ask", question, "--store", store, "--json").json
        check_citations(ragkit, answer, store)
        answered += any(text in answer["text"] for text in gold)
    # 42 when this was written; the rest asks for what no sentence says in the question's words.
    assert answered >= 40


def test_web_pages_lose_their_menus_and_keep_their_text(ragkit: Run, data: Path, tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    with bz2.open(data / "crag_sample/dev_data.jsonl.bz2", "rt", encoding="utf-8") as file:
        results = [result for row in islice(file, 4) for result in json.loads(row)["search_results"]]
    for number, result in enumerate(results):
        (tmp_path / "pages" / f"page-{number:02}.html").write_text(result["page_result"], encoding="utf-8")
    store = tmp_path / "store"
    report = ragkit("index", tmp_path / "pages", "--store", store, "--json").json
    assert report["added"] + len(report["failed"]) == len(results)
    assert report["added"] >= 0.8 * len(results)
    hits = ragkit("search", "Microsoft Office 2019 languages", "--store", store, "--json").json["hits"]
    assert hits
    for hit in hits:
        assert not re.search(r"<(?:div|span|script|a) ", hit["text"])


@pytest.mark.parametrize(
    ("name", "question", "page", "words"),
    [
        ("PEPSICO_2023_8K_dated-2023-05-05", "Which proposals did the shareholders vote on?", None, "shareholder"),
        ("ULTABEAUTY_2023Q4_EARNINGS", "What were net sales in the fourth quarter?", 1, "net sales"),
        ("AMCOR_2022_8K_dated-2022-07-01", "What did the supplemental indenture do?", None, "ndenture"),
    ],
)
def test_filings_are_cited_by_page(
    ragkit: Run, data: Path, tmp_path: Path, name: str, question: str, page: int | None, words: str
) -> None:
    pdf = data / "financebench/pdfs" / f"{name}.pdf"
    store = tmp_path / "store"
    assert ragkit("index", pdf, "--store", store, "--json").json["failed"] == []
    with closing(pypdfium2.PdfDocument(pdf)) as document:
        texts = [flat(document[number].get_textpage().get_text_bounded()) for number in range(len(document))]
    hits = ragkit("search", question, "--store", store, "-k", 5, "--json").json["hits"]
    assert any(words in hit["text"] for hit in hits)
    for hit in hits:
        assert flat(hit["text"])[:40] in texts[hit["page"] - 1] + [*texts, ""][hit["page"]]
    if page is not None:
        assert hits[0]["page"] == page


def flat(text: str) -> str:
    return "".join(re.sub(r"[^\w]", "", text))


def test_an_encyclopaedia_is_indexed_and_answers(ragkit: Run, data: Path, tmp_path: Path) -> None:
    with gzip.open(data / "wiki2024_hallurag/articles.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in islice(file, 300)]
    lines = [json.dumps({"_id": row["url"], "title": row["title"], "text": row["content"]}) for row in rows]
    (tmp_path / "articles.jsonl").write_text("\n".join(lines), encoding="utf-8")
    store = tmp_path / "store"
    report = ragkit("index", tmp_path / "articles.jsonl", "--store", store, "--json").json
    assert report["added"] + len(report["failed"]) == 300
    answer = ragkit("ask", "What was the 1927-28 Spanish Football League?", "--store", store, "--json").json
    assert not answer["abstained"]
    assert "Spain" in answer["text"]
    check_citations(ragkit, answer, store)
