"""Fit the support model of the extractive answerer: which sentence answers a question, and how surely.

    python -m evals.extractive --fit ragkit/answer/support.json [--data DIR] [--questions N]

A logistic regression over candidate sentences of the even-numbered questions of xquad and hallurag and of definition
questions made from article titles, scaled on the best candidate of each question (Platt, 1999). Each question is seen
twice: with all documents (the answer is there), and with its own document filtered out (it is not). How good
the answerer then is, on questions that no fit has seen, is printed by `python -m evals.squad`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ragkit
from ragkit.answer.evidence import FEATURES
from ragkit.settings import Settings
from ragkit.text.sentences import split_sentences

__all__ = ["Question", "load", "main"]

_THRESHOLD = 0.2
_DEFINITION_FLOOR = 1.5  # made questions meet few rival definitions: fitted alone, the feature weighs nothing
_DEFINITION_SHARE = 5  # one made definition question for so many real ones
_WORDS_ONLY = np.asarray([0.0 if "cosine" in name else 1.0 for name in FEATURES])


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the answers that count and the document that holds them."""

    text: str
    answers: tuple[str, ...]
    doc_id: str


def load(name: str, data: Path) -> tuple[dict[str, str], list[Question]]:
    """Give the documents by id and the questions of one collection."""
    return {"xquad": _xquad, "hallurag": _hallurag, "covid": _covid}[name](data)


def _xquad(data: Path) -> tuple[dict[str, str], list[Question]]:
    articles = json.loads((data / "xquad_en/xquad.en.json").read_text(encoding="utf-8"))["data"]
    texts = {article["title"]: "\n\n".join(part["context"] for part in article["paragraphs"]) for article in articles}
    return texts, list(_squad_questions(articles))


def _covid(data: Path) -> tuple[dict[str, str], list[Question]]:
    articles = json.loads((data / "covid_qa/200423_covidQA.json").read_text(encoding="utf-8"))["data"]
    for number, article in enumerate(articles):
        article["title"] = f"article-{number}"
    texts = {article["title"]: "\n\n".join(part["context"] for part in article["paragraphs"]) for article in articles}
    return texts, list(_squad_questions(articles))


def _squad_questions(articles: Sequence[dict[str, Any]]) -> Iterator[Question]:
    for article in articles:
        for paragraph in article["paragraphs"]:
            for row in paragraph["qas"]:
                answers = tuple(answer["text"] for answer in row["answers"])
                if answers:
                    yield Question(row["question"], answers, article["title"])


def _hallurag(data: Path) -> tuple[dict[str, str], list[Question]]:
    folder = data / "wiki2024_hallurag"
    with gzip.open(folder / "qna_per_passage.json.gz", "rt", encoding="utf-8") as file:
        rows = json.load(file)
    wanted = {row["article_title"] for row in rows[:600]}
    with gzip.open(folder / "articles.jsonl.gz", "rt", encoding="utf-8") as file:
        articles = {row["title"]: row["content"] for row in map(json.loads, file) if row["title"] in wanted}
    questions = [
        Question(row["question"], (row["answer_quote"],), row["article_title"])
        for row in rows[:600]
        if row["answer_quote"] in articles.get(row["article_title"], "")
    ]
    return articles, questions


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its candidate sentences: features, and which of them hold a gold answer."""

    rows: NDArray[np.float64]
    gold: NDArray[np.bool_]


def weigh(rag: ragkit.Rag, question: Question, *, answerable: bool) -> Asked:
    """Give the candidates for a question, with all documents or without its own."""
    where = None if answerable else {"doc_id": {"!=": question.doc_id}}
    hits = rag.search(question.text, k=rag.answerer.pool, where=where)
    found, rows = rag.answerer.evidence(question.text, hits)
    holds = [item.hit.doc_id == question.doc_id and holds_gold(item.text, question.answers) for item in found]
    return Asked(rows, np.asarray(holds, dtype=np.bool_))


def holds_gold(text: str, answers: Sequence[str]) -> bool:
    """Say whether `text`, without its markers, holds one of the gold answers, line wraps aside."""
    plain = " ".join(re.sub(r" \[\d+\]", "", text).split())
    return any(" ".join(answer.split()) in plain for answer in answers)


def definitions(texts: Mapping[str, str]) -> list[Question]:
    """Make definition questions of titles: an encyclopaedia's first sentence says what its subject is."""
    made = []
    for title, text in texts.items():
        spans = split_sentences(text[:2000])
        name = title.split(":")[-1].split("(")[0].replace("_", " ").strip()
        first = text[spans[0].start : spans[0].end] if spans else ""
        verb = re.search(r"\b(is|was|are|were)\b", first)
        if verb and name.split()[0] in first[: verb.start()]:
            made.append(Question(f"What {verb.group()} {name}?", (first,), title))
    return made


def index_texts(texts: dict[str, str], folder: Path) -> ragkit.Rag:
    """Index documents through the library, as the files a user would have."""
    docs = folder / "docs.jsonl"
    rows = (json.dumps({"_id": doc_id, "text": text}) for doc_id, text in texts.items())
    docs.write_text("\n".join(rows), encoding="utf-8")
    rag = ragkit.open(folder / "store")
    rag.sync(docs)
    return rag


def fit(samples: Sequence[Sequence[Asked]]) -> tuple[list[float], float]:
    """Fit weights and bias: every collection weighs the same, then Platt scaling on each question's best candidate."""
    from sklearn.linear_model import LogisticRegression

    rows = np.vstack([asked.rows for sample in samples for asked in sample])
    gold = np.concatenate([asked.gold for sample in samples for asked in sample])
    share = np.concatenate([np.full(len(asked.rows), 1.0 / len(sample)) for sample in samples for asked in sample])
    ranker = LogisticRegression(max_iter=2000).fit(rows, gold, sample_weight=share / share.mean())
    definition = FEATURES.index("definition")
    ranker.coef_[0][definition] = max(ranker.coef_[0][definition], _DEFINITION_FLOOR)
    best = [
        (logits.max(), asked.gold[int(logits.argmax())])
        for sample in samples
        for asked in sample
        if len(asked.rows)
        for logits in [ranker.decision_function(asked.rows)]
    ]
    logits, right = np.asarray([logit for logit, _ in best]), np.asarray([good for _, good in best])
    platt = LogisticRegression(C=1e6).fit(logits[:, None], right)
    slope, shift = float(platt.coef_[0][0]), float(platt.intercept_[0])
    return [float(weight) * slope for weight in ranker.coef_[0]], float(ranker.intercept_[0]) * slope + shift


def write_model(path: Path, models: Mapping[str, tuple[Sequence[float], float]]) -> None:
    """Write `support.json`: weights and bias by the kind of evidence, with vectors and with words alone."""
    about = (
        "Logistic model of 'this sentence answers the question', fitted by `python -m evals.extractive --fit` on the "
        "even-numbered questions of XQuAD English and HalluRAG, and on definition questions made of article titles."
    )
    document: dict[str, object] = {"about": about}
    for kind, (weights, bias) in models.items():
        shown = {name: round(weight, 4) for name, weight in zip(FEATURES, weights, strict=True)}
        document[kind] = {"bias": round(bias, 4), "threshold": _THRESHOLD, "weights": shown}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _fit(data: Path, most: int, path: Path) -> None:
    samples = []
    for name in ("xquad", "hallurag"):
        texts, questions = load(name, data)
        with tempfile.TemporaryDirectory() as folder, index_texts(texts, Path(folder)) as rag:
            part = spread(questions[::2], most) + spread(definitions(texts), most // _DEFINITION_SHARE)
            samples.append([weigh(rag, item, answerable=way) for item in part for way in (True, False)])
            print(f"{name}: {len(part)} questions", flush=True)
    blind = [[Asked(asked.rows * _WORDS_ONLY, asked.gold) for asked in sample] for sample in samples]
    write_model(path, {"vectors": fit(samples), "words": fit(blind)})
    print(path.read_text(encoding="utf-8"))


def spread(questions: Sequence[Question], most: int) -> list[Question]:
    """Take at most so many questions, evenly from first to last."""
    return [questions[round(place)] for place in np.linspace(0, len(questions) - 1, min(most, len(questions)))]


def main() -> None:
    """Parse the command line, then fit."""
    parser = argparse.ArgumentParser(prog="python -m evals.extractive", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--fit", type=Path, required=True, metavar="FILE", help="write the support model to FILE")
    parser.add_argument("--data", type=Path, default=Settings.from_environment().data, metavar="DIR")
    parser.add_argument("--questions", type=int, default=250, metavar="N", help="of each collection; default: 250")
    options = parser.parse_args()
    _fit(options.data, options.questions, options.fit)


if __name__ == "__main__":
    main()
