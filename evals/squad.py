"""Are the answers right, and does the answerer keep quiet when the documents do not answer?

    python -m evals.squad [--data DIR] [--questions N] [--out DIR] [xquad hallurag covid]

Each collection is indexed through the library, and every question is asked twice: with all documents (the answer is
there), and with its own document filtered out (it is not; the few questions that another document also answers count
against us). Only odd-numbered questions are asked: the packaged support model was fitted on even-numbered ones of
xquad and hallurag (`python -m evals.extractive`), never on covid.

Printed per collection, with 95 % intervals over questions:

    quoted     share of answerable questions whose answer contains a gold answer (normalised as in SQuAD)
    answered   share of answerable questions that were answered at all
    right      share of the answered ones that contain a gold answer
    declined   share of unanswerable questions that were declined
    auroc      how well the support of the best sentence tells the two apart
    quotes     share of citations with `text[start:end] == quote`; the contract says 1
    context    context precision: are the passages that hold the gold answer retrieved first (own judge, `support`)?
    f1         token F1 of the whole answer, official SQuAD script, answerable questions
    excess     AURC above that of an oracle, over all questions asked both ways
    cov@5%     share of all questions that could be answered with 5 % wrong
    ece, brier how far confidence is from what comes true

then risk over coverage and reliability. Published exact match and F1 of readers stand below for orientation: those read
the right paragraph and answer with a span, here the paragraph has to be found and whole sentences are quoted.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evals.benchmarks.machine import describe_machine
from evals.benchmarks.report import table
from evals.extractive import Question, index_texts, load, spread
from ragkit.cli.terminal import spoken_warnings
from ragkit.evaluate.answers.run import AnswersRun, Questions, answers_config, evaluate_answers
from ragkit.evaluate.answers.said import CollectionAnswers
from ragkit.evaluate.answers.totals import sure_rows
from ragkit.evaluate.data.answers import AnswerRow
from ragkit.evaluate.judges.detectors import DETECTORS, beside_people, detector, detector_threshold
from ragkit.evaluate.measures.abstention import risk_coverage
from ragkit.evaluate.measures.calibration import reliability_bins
from ragkit.evaluate.runs import RunFolder
from ragkit.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ragkit.evaluate.outcome import Estimate

__all__ = ["both_ways", "main"]

_COLLECTIONS = ("xquad", "hallurag", "covid")

_COLUMNS = {
    "quoted": "HasAns_correct",
    "answered": "HasAns_answered",
    "right": "HasAns_correct_given_answered",
    "declined": "abstain_recall",
    "auroc": "auroc",
    "quotes": "quotes",
    "context": "context_precision",
    "f1": "HasAns_f1",
    "excess": "excess_aurc",
    "cov@5%": "coverage@risk=0.05",
    "ece": "ece_10",
    "brier": "brier",
}

# The authors' own and deepset's card of MiniLM; both read the right paragraph, ours has to find it first.
_PUBLISHED = (
    ("MiniLM-L12-H384 as deepset trained it, 33 M", "76.1", "79.5", "SQuAD 2.0 dev"),
    ("MiniLM-L12-H384 as its authors did", "", "81.7", "SQuAD 2.0 dev"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, measure and print."""
    given = _options().parse_args(arguments)
    if unknown := [name for name in given.names if name not in _COLLECTIONS]:
        print(f"{unknown[0]} is no collection: choose of {', '.join(_COLLECTIONS)}.", file=sys.stderr)
        return 2
    if not given.data.is_dir():
        print(f"{given.data} is not there: set RAGKIT_DATA or pass --data.", file=sys.stderr)
        return 1
    print(f"machine: {describe_machine()}")
    with spoken_warnings():
        found = {name: _measure(name, given.data, given.questions, given.out) for name in given.names}
    print("", *_table({name: run.estimates for name, run in found.items()}), sep="\n")
    for name, run in found.items():
        print("", *_curves(name, run), sep="\n")
    rows = [list(row) for row in _PUBLISHED]
    print(
        "\nNot comparable, in per cent: readers of the right paragraph",
        *table(["published", "EM", "F1", "on"], rows),
        sep="\n",
    )
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evals.squad", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", default=_COLLECTIONS, metavar="NAME", help=", ".join(_COLLECTIONS))
    parser.add_argument("--data", type=Path, default=Settings.from_environment().data, metavar="DIR")
    parser.add_argument("--questions", type=int, default=250, metavar="N", help="of each collection; default: 250")
    parser.add_argument("--out", type=Path, default=None, metavar="DIR", help="keep runs and reports, one folder each")
    return parser


def both_ways(questions: Sequence[Question]) -> list[AnswerRow]:
    """Give every question with its gold answers, and again without an answer and without its document."""
    rows = []
    for number, question in enumerate(questions):
        rows.append(AnswerRow(f"{number}", question.text, question.answers))
        rows.append(AnswerRow(f"{number}-without", question.text, (), metadata={"without": question.doc_id}))
    return rows


def _where(row: AnswerRow) -> Mapping[str, Any] | None:
    without = row.metadata.get("without")
    return None if without is None else {"doc_id": {"!=": without}}


def _measure(name: str, data: Path, most: int, out: Path | None) -> AnswersRun:
    texts, questions = load(name, data)
    part = spread(questions[1::2], most)
    note = "Each question is asked with all documents, and without its own, when it counts as not answerable."
    with tempfile.TemporaryDirectory(prefix="ragkit-squad-") as folder, index_texts(texts, Path(folder)) as rag:
        chunks = rag.collection.chunk_count
        dataset = f"{name}: {len(texts)} documents, {chunks} chunks, {len(part)} questions asked both ways."
        print(dataset, flush=True)
        answers, judge = CollectionAnswers(rag, where=_where), detector(DETECTORS[0])
        least = detector_threshold(DETECTORS[0], "response")
        config = answers_config(answers, judge, entailed_from=least) | {"questions": most}
        place = (out or Path(folder)) / f"run-{name}"
        with RunFolder.open(place, command="evals.squad", dataset=name, config=config) as run:
            asked = Questions(both_ways(part), dataset, (note,))
            told = beside_people(DETECTORS[0])
            return evaluate_answers(run, asked, answers, judge, entailed_from=least, calibrated=told)


def _table(found: Mapping[str, Mapping[str, Estimate]]) -> list[str]:
    rows = [[title, *(_shown(run[measure]) for run in found.values())] for title, measure in _COLUMNS.items()]
    return table(["measure", *found], rows)


def _shown(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _curves(name: str, run: AnswersRun) -> list[str]:
    sure = sure_rows(run.rows)
    curve = risk_coverage(sure.confidences, sure.losses)
    shown = [next(point for point in curve if point[0] >= share / 10 - 1e-9) for share in range(1, 11)]
    lines = [
        f"{name}: risk over coverage",
        *table(["coverage", *(f"{x:.2f}" for x, _ in shown)], [["risk", *(f"{y:.3f}" for _, y in shown)]]),
    ]
    bins = reliability_bins(sure.confidences, sure.correct)
    cells = [
        [f"{one.low:.1f}-{one.high:.1f}", f"{one.confidence:.3f}", f"{one.accuracy:.3f}", f"{one.count}"]
        for one in bins
    ]
    return [*lines, f"{name}: reliability", *table(["bin", "confidence", "right", "rows"], cells)]


if __name__ == "__main__":
    raise SystemExit(main())
