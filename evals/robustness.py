"""Does it hold under noise, false sources, typos, other words and other people? RGB, stability and bias on XQuAD.

    python -m evals.robustness --data ../shared/data
    python -m evals.robustness noise bias --questions 300
    python -m evals.robustness noise counterfactual --model mymodels:small --out runs

    noise           RGB: passages without the answer among those with it, and nothing else (negative rejection)
    integration     RGB: two questions asked as one
    counterfactual  RGB: the passages say another number or name
    stability       typos, letter case, punctuation, frames
    paraphrase      real pairs of COVID questions, alike and not alike, over an FAQ bank
    bias            the same question from people of other names, genders and dialects

Without `--model` the extractive answerer reads; a chat model is asked each thing once in a part. Every part is a run
in a folder of its own (`--out DIR`, else a temporary one), which resumes. RGB's own passages are not at hand: those of
XQuAD are told apart in the same way, by the answers they hold, and since most questions have one passage with the
answer, fewer passages are given where that keeps the noise rate. So these numbers are for comparing readers with each
other, not with RGB's tables.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from rich.console import Console

from evals.choosing import add_model_option, chat_model, spread
from ragkit.embed.encoder import SentenceEncoder
from ragkit.embed.tokens import TruncationWarning
from ragkit.errors import ConfigError, RagkitError
from ragkit.evaluate.chat import ChatModel
from ragkit.evaluate.data.answers import AnswerRow
from ragkit.evaluate.data.squad import squad
from ragkit.evaluate.judges.recorded import RecordedModel
from ragkit.evaluate.outcome import Estimate, Row, Unscored
from ragkit.evaluate.reports.content import Case, Cases, Cell, Interval, Report, Table
from ragkit.evaluate.reports.terminal import print_report
from ragkit.evaluate.robustness.bias import axes, bias_row
from ragkit.evaluate.robustness.cases import cases_of, in_pairs, with_false_answers
from ragkit.evaluate.robustness.perturb import PERTURBATIONS, perturb
from ragkit.evaluate.robustness.reading import ChatReader, ExtractiveReader, Observer, Reader, searching
from ragkit.evaluate.robustness.rgb import NOISE_RATES, counterfactual_row, noise_row
from ragkit.evaluate.robustness.rgb import Case as RgbCase
from ragkit.evaluate.robustness.stability import stability_row
from ragkit.evaluate.runs import RunFolder
from ragkit.evaluate.statistics.differences import is_difference
from ragkit.evaluate.statistics.estimate import estimates
from ragkit.evaluate.statistics.family import holm
from ragkit.evaluate.statistics.paired import Paired, compare_paired
from ragkit.retrieve.search import search
from ragkit.settings import Settings
from ragkit.store.collection import Collection

__all__ = ["PARTS", "main"]

_SEED = 0
_POOL = 20  # passages retrieved for each question, to be told apart
_XQUAD, _FAQ, _PAIRS = (
    "xquad_en/xquad.en.json",
    "covid_qa/faq_covidbert.csv",
    "covid_qa/eval_question_similarity_en.csv",
)


@dataclass(frozen=True, slots=True)
class Bench:
    """What every part measures with."""

    data: Path
    encoder: SentenceEncoder
    model: ChatModel | None
    questions: int
    scratch: Path
    out: Path

    def rows(self) -> list[AnswerRow]:
        """Give the questions, spread evenly over the set."""
        return spread(list(squad(self.data / _XQUAD)), self.questions)

    def paragraphs(self) -> dict[str, str]:
        """Give all paragraphs of the set by number."""
        contexts = dict.fromkeys(row.context for row in squad(self.data / _XQUAD))
        return {str(number): text for number, text in enumerate(contexts, start=1)}

    def collection(self, texts: Mapping[str, str]) -> Collection:
        """Make a collection of texts by id, each one chunk."""
        made = Collection.open(Path(tempfile.mkdtemp(dir=self.scratch)), self.encoder)
        if texts:
            made.add_texts(list(texts.values()), doc_ids=list(texts))
        return made

    def cases(self) -> list[RgbCase]:
        """Build RGB cases of the questions."""
        with self.collection(self.paragraphs()) as collection:

            def retrieve(questions: Sequence[str]) -> list[list[str]]:
                found = search(collection, self.encoder, list(questions), k=_POOL)
                return [[hit.text for hit in hits] for hits in found]

            return cases_of(self.rows(), retrieve)

    def run(self, part: str, *files: str) -> RunFolder:
        """Open the run of a part."""
        config = {
            "reader": dict(self.model.card) if self.model else "extractive",
            "model": self.encoder.card.model,
            "revision": self.encoder.card.revision,
            "questions": self.questions,
        }
        inputs = {name: self.data / name for name in files or (_XQUAD,)}
        return RunFolder.open(
            self.out / part,
            command="evals.robustness",
            dataset=part,
            config=config,
            inputs=inputs,
            seeds={"all": _SEED},
        )

    @contextmanager
    def reading(self, run: RunFolder, cases: Sequence[RgbCase]) -> Iterator[Reader]:
        """Give who reads passages: the chat model, recorded, or the extractive answerer over those of the cases."""
        if self.model:
            yield ChatReader(RecordedModel(run.journal, self.model))
            return
        with self.collection({}) as collection:
            reader = ExtractiveReader(collection)
            passages = [text for case in cases for group in (*case.positives, case.negatives) for text in group]
            passages += [text for case in cases for text in case.false_positives]
            reader.add(list(dict.fromkeys(passages)))
            yield reader

    @contextmanager
    def observing(self, run: RunFolder, texts: Mapping[str, str]) -> Iterator[Observer]:
        """Give who searches texts and reads what is found; asked the same question again, it gives what it gave."""
        reader = ChatReader(RecordedModel(run.journal, self.model)) if self.model else None
        with self.collection(texts) as collection:
            yield cache(searching(collection, reader=reader))


def noise(bench: Bench) -> Report:
    """Measure at every noise rate, and with noise alone."""
    return _noise(bench, "noise", bench.cases(), "RGB: noise robustness and negative rejection")


def integration(bench: Bench) -> Report:
    """Measure with two questions asked as one."""
    pairs = list(in_pairs(bench.cases(), seed=_SEED))
    return _noise(bench, "integration", pairs, "RGB: information integration, two questions asked as one")


def _noise(bench: Bench, part: str, cases: Sequence[RgbCase], title: str) -> Report:
    known = {case.id: case for case in cases}
    with bench.run(part) as run, bench.reading(run, cases) as reader:
        found = _worked(
            run, list(known), lambda row_id: noise_row(known[row_id], reader, seed=_SEED, keep_count=False)
        )[1]
    lines: list[tuple[Cell, ...]] = [
        (f"{rate:.0%} noise", _cell(found, f"right@{rate}"), _cell(found, f"answered@{rate}")) for rate in NOISE_RATES
    ]
    first, last = NOISE_RATES[0], NOISE_RATES[-1]
    lines.append((f"{last:.0%} less {first:.0%}, paired", _cell(found, f"right@{last}-right@{first}"), None))
    lines.append(("noise alone: declined", _cell(found, "rejected"), None))
    table = Table("Share of cases, with 95 % intervals", ("passages", "right", "answered"), tuple(lines))
    return Report(title, f"{len(cases):,} cases of XQuAD, at most 5 passages each.", (), (table,))


def counterfactual(bench: Bench) -> Report:
    """Measure with passages that say something false."""
    cases = {case.id: case for case in with_false_answers(bench.cases(), seed=_SEED)}
    with bench.run("counterfactual") as run, bench.reading(run, list(cases.values())) as reader:
        found = _worked(run, list(cases), lambda row_id: counterfactual_row(cases[row_id], reader, seed=_SEED))[1]
    lines = tuple((name, _cell(found, name), one.n) for name, one in found.items())
    table = Table("Share of cases, with 95 % intervals", ("measure", "value", "n"), lines)
    note = "A reader that quotes cannot know that a passage is wrong: `misled` says how far it follows one."
    return Report(
        "RGB: counterfactuals", f"{len(cases):,} cases whose answer has another of its kind.", (note,), (table,)
    )


def stability(bench: Bench) -> Report:
    """Measure what changes when a question is written otherwise."""
    asked = {f"{kind}|{row.id}": (kind, row) for kind in PERTURBATIONS for row in bench.rows()}
    paragraphs = bench.paragraphs()
    with bench.run("stability") as run, bench.observing(run, paragraphs) as observer:

        def do(row_id: str) -> Row:
            kind, row = asked[row_id]
            variant = perturb(row.question, kind, seed=_SEED)
            return stability_row(row_id, row.question, variant, observer, answers=[row.answers])

        rows, _ = _worked(run, list(asked), do)
    groups = {kind: [row for row in rows if asked[row.id][0] == kind] for kind in PERTURBATIONS}
    return Report(
        "Stability under typos and other dress",
        f"{len(bench.rows()):,} questions of XQuAD, hybrid search over {len(paragraphs):,} paragraphs, k = 10.",
        ("Changes are those of the variant less those of the question, paired by question.",),
        (_by_group("By what was changed, with 95 % intervals", groups),),
    )


def paraphrase(bench: Bench) -> Report:
    """Measure how far people's paraphrases get the same, beside pairs of questions that are not alike."""
    with bench.run("paraphrase", _PAIRS, _FAQ) as run:
        pairs, answers = _table_rows(bench.data / _PAIRS), _table_rows(bench.data / _FAQ)
        bank = {number: row["answer"] for number, row in answers.items() if row["answer"]}
        with bench.observing(run, bank) as observer:

            def do(row_id: str) -> Row:
                pair = pairs[row_id]
                return stability_row(row_id, pair["question_1"], pair["question_2"], observer)

            rows, _ = _worked(run, spread(list(pairs), bench.questions), do)
    alike = {"alike": "1", "not alike": "0"}
    groups = {name: [row for row in rows if pairs[row.id]["similar"] == label] for name, label in alike.items()}
    table = _by_group("By what people said of the pair, with 95 % intervals", groups)
    note = "Alike should agree, and not alike should not: the second line is what agreement by chance looks like."
    return Report(
        "Stability under paraphrase", f"{len(bank):,} answers of a COVID FAQ bank, k = 10.", (note,), (table,)
    )


def bias(bench: Bench) -> Report:
    """Measure whether who asks changes what is answered."""
    asked = {f"{name}|{row.id}": (axis, row) for name, axis in axes().items() for row in bench.rows()}
    paragraphs = bench.paragraphs()
    number = {text: doc_id for doc_id, text in paragraphs.items()}
    with bench.run("bias") as run, bench.observing(run, paragraphs) as observer:

        def do(row_id: str) -> Row:
            axis, row = asked[row_id]
            relevant = [number[row.context]]
            return bias_row(row_id, row.question, axis, observer, answers=[row.answers], relevant=relevant, seed=_SEED)

        rows, _ = _worked(run, list(asked), do, group=lambda row: asked[row.id][0].name)
    by_axis = {name: [row for row in rows if asked[row.id][0].name == name] for name in axes()}
    return Report(
        "Bias: the same question from other people",
        f"{len(bench.rows()):,} questions of XQuAD, hybrid search over {len(paragraphs):,} paragraphs, k = 10.",
        ("The gap of a group is its value less the mean over all groups, paired by question; p by Holm over a table.",),
        tuple(_bias_table(name, found) for name, found in by_axis.items()),
    )


PARTS: Mapping[str, Callable[[Bench], Report]] = {
    "noise": noise,
    "integration": integration,
    "counterfactual": counterfactual,
    "stability": stability,
    "paraphrase": paraphrase,
    "bias": bias,
}
"""By name: from the bench to what was found."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, then measure and print each part."""
    parser = argparse.ArgumentParser(prog="python -m evals.robustness", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=", ".join(PARTS))
    parser.add_argument("--data", type=Path, default=Settings.from_environment().data, metavar="DIR")
    parser.add_argument("--questions", type=int, default=200, metavar="N", help="at most so many, spread evenly")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keeps the runs; resumed if they are there")
    add_model_option(parser)
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore", TruncationWarning)  # words find the rest of a long paragraph
    try:
        if unknown := [part for part in given.parts if part not in PARTS]:
            raise ConfigError(f"there is no part {unknown[0]!r}: known are {', '.join(PARTS)}.")
        model = chat_model(given.model) if given.model else None
        with tempfile.TemporaryDirectory(prefix="ragkit-robustness-") as scratch:
            encoder = SentenceEncoder.load(cache=Path(scratch) / "vectors")
            out = given.out or Path(scratch) / "runs"
            bench = Bench(given.data, encoder, model, given.questions, Path(scratch), out)
            for part in given.parts:
                print_report(PARTS[part](bench), {}, Console(width=190))
    except RagkitError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _worked(
    run: RunFolder, ids: Sequence[str], do: Callable[[str], Row], *, group: Callable[[Row], str] = lambda _: ""
) -> tuple[list[Row], dict[str, Estimate]]:
    """Work the rows of a run and write what they come to; its page shows the first that are not perfect.

    Rows of different groups have measures of their own, which the rows of the others do not lack.
    """
    rows = run.work(ids, lambda block: [do(row_id) for row_id in block])
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(group(row), []).append(row)
    found = {measure: one for part in groups.values() for measure, one in _estimates(part).items()}
    cases = [
        Case(
            str(row.details["question"]),
            {name: str(value) for name, value in row.outcomes.items()},
            (str(row.details["said"]),),
        )
        for row in rows
        if next(iter(row.outcomes.values())) != 1.0
    ]
    run.finish(rows, found, Report(run.folder.name, f"{len(rows):,} rows.", (), (Cases("Some", tuple(cases[:10])),)))
    return rows, found


def _table_rows(path: Path) -> dict[str, dict[str, str]]:
    """Read a table by the number of its lines."""
    with path.open(encoding="utf-8", newline="") as file:
        return {str(number): row for number, row in enumerate(csv.DictReader(file), start=2)}


def _cell(found: Mapping[str, Estimate], measure: str) -> Cell:
    one = found.get(measure)
    return None if one is None else Interval(one.value, one.low, one.high, signed=is_difference(measure))


def _by_group(title: str, groups: Mapping[str, Sequence[Row]]) -> Table:
    found = {name: _estimates(rows) for name, rows in groups.items()}
    measures = list(dict.fromkeys(measure for group in found.values() for measure in group))
    lines = tuple((name, *(_cell(group, measure) for measure in measures)) for name, group in found.items())
    return Table(title, ("", *measures), lines)


def _bias_table(name: str, rows: Sequence[Row]) -> Table:
    found = _estimates(rows)
    gaps = [measure for measure in found if is_difference(measure)]
    adjusted = dict(zip(gaps, holm([_paired(rows, measure).p for measure in gaps]), strict=True))
    ordered = sorted(found, key=lambda measure: (measure in adjusted, measure))
    lines = tuple((measure, _cell(found, measure), adjusted.get(measure)) for measure in ordered)
    return Table(f"By {name}, with 95 % intervals", ("measure", "value", "p, adjusted"), lines)


def _estimates(rows: Sequence[Row]) -> dict[str, Estimate]:
    """Estimate all measures; differences have the interval of the paired comparison, which goes with their p."""
    found = estimates(rows, seed=_SEED)
    paired = {measure: _paired(rows, measure) for measure in found if is_difference(measure)}
    return found | {name: replace(found[name], low=one.low, high=one.high) for name, one in paired.items()}


def _paired(rows: Sequence[Row], measure: str) -> Paired:
    """Compare a difference that stands in the rows with none."""
    values = [value for row in rows if not isinstance(value := row.outcomes[measure], Unscored)]
    return compare_paired([0.0] * len(values), values, seed=_SEED)


if __name__ == "__main__":
    raise SystemExit(main())
