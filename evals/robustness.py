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

Without `--model` the extractive answerer reads; a chat model is asked through a journal, in a run that resumes with
`--out`. RGB's own passages are not at hand: those of XQuAD are told apart in the same way, by the answers they hold,
and since most questions have one passage with the answer, fewer passages are given where that keeps the noise rate.
So these numbers are for comparing readers with each other, not with RGB's tables.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from evals.choosing import spread
from evals.models import add_model_option, chat_model
from evals.robustness_bench import Bench, Reads, observing
from ragkit.embed.encoder import SentenceEncoder
from ragkit.embed.tokens import TruncationWarning
from ragkit.errors import ConfigError, RagkitError
from ragkit.evaluate.outcome import Estimate, Row, Unscored
from ragkit.evaluate.reports.content import Cell, Interval, Report, Table
from ragkit.evaluate.reports.terminal import print_report
from ragkit.evaluate.robustness.bias import axes, bias_row
from ragkit.evaluate.robustness.cases import in_pairs, with_false_answers
from ragkit.evaluate.robustness.perturb import PERTURBATIONS, perturb
from ragkit.evaluate.robustness.reading import Reader, searching
from ragkit.evaluate.robustness.rgb import NOISE_RATES, counterfactual_row, noise_row
from ragkit.evaluate.robustness.rgb import Case as RgbCase
from ragkit.evaluate.robustness.stability import stability_row
from ragkit.evaluate.statistics.estimate import estimates
from ragkit.evaluate.statistics.family import holm
from ragkit.evaluate.statistics.paired import Paired, compare_paired
from ragkit.settings import Settings

__all__ = ["PARTS", "main"]


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
            for part in given.parts:
                bench = Bench(given.data, encoder, given.questions, Path(scratch) / part, model, given.out)
                print_report(PARTS[part](bench), {}, Console(width=190))
    except RagkitError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def noise(bench: Bench) -> Report:
    """Measure at every noise rate, and with noise alone."""
    with bench.paragraphs() as paragraphs:
        return _noise(bench, "noise", bench.cases(paragraphs), "RGB: noise robustness and negative rejection")


def integration(bench: Bench) -> Report:
    """Measure with two questions asked as one."""
    with bench.paragraphs() as paragraphs:
        pairs = list(in_pairs(bench.cases(paragraphs), seed=bench.seed))
    return _noise(bench, "integration", pairs, "RGB: information integration, two questions asked as one")


def _noise(bench: Bench, part: str, cases: Sequence[RgbCase], title: str) -> Report:
    known = {case.id: case for case in cases}
    with ExitStack() as stack:
        own = None if bench.model else stack.enter_context(Reads(bench, cases))
        rows = bench.work(
            part,
            list(known),
            lambda row_id, reader: noise_row(known[row_id], _one(reader, own), seed=bench.seed, keep_count=False),
            made_of={"passages": 5, "keep_count": False},
        )
    found = estimates(rows, seed=bench.seed)
    lines: list[tuple[Cell, ...]] = [
        (f"{rate:.0%} noise", _cell(found[f"right@{rate}"]), _cell(found[f"answered@{rate}"])) for rate in NOISE_RATES
    ]
    last = f"right@{NOISE_RATES[-1]}-right@{NOISE_RATES[0]}"
    lines.append(
        (f"{NOISE_RATES[-1]:.0%} less {NOISE_RATES[0]:.0%}, paired", _difference(rows, last, bench.seed), None)
    )
    lines.append(("noise alone: declined", _cell(found["rejected"]), None))
    table = Table("Share of cases, with 95 % intervals", ("passages", "right", "answered"), tuple(lines))
    return Report(title, f"{len(rows):,} cases of XQuAD, at most 5 passages each.", (), (table,))


def counterfactual(bench: Bench) -> Report:
    """Measure with passages that say something false."""
    with bench.paragraphs() as paragraphs:
        cases = {case.id: case for case in with_false_answers(bench.cases(paragraphs), seed=bench.seed)}
    with ExitStack() as stack:
        own = None if bench.model else stack.enter_context(Reads(bench, list(cases.values())))
        rows = bench.work(
            "counterfactual",
            list(cases),
            lambda row_id, reader: counterfactual_row(cases[row_id], _one(reader, own), seed=bench.seed),
            made_of={"passages": 5},
        )
    table = _table("Share of cases, with 95 % intervals", estimates(rows, seed=bench.seed))
    note = "A reader that quotes cannot know that a passage is wrong: `misled` says how far it follows one."
    return Report(
        "RGB: counterfactuals", f"{len(rows):,} cases whose answer has another of its kind.", (note,), (table,)
    )


def stability(bench: Bench) -> Report:
    """Measure what changes when a question is written otherwise."""
    asked = {f"{kind}|{row.id}": (kind, row) for kind in PERTURBATIONS for row in bench.rows()}
    with bench.paragraphs() as paragraphs:
        observer = observing(paragraphs)

        def do(row_id: str, reader: Reader | None) -> Row:
            kind, row = asked[row_id]
            variant = perturb(row.question, kind, seed=bench.seed)
            return stability_row(row_id, row.question, variant, observer(reader), answers=[row.answers])

        rows = bench.work("stability", list(asked), do, made_of={"kinds": list(PERTURBATIONS)})
    groups = {kind: [row for row in rows if row.id.startswith(f"{kind}|")] for kind in PERTURBATIONS}
    table = _by_group("By what was changed, with 95 % intervals", groups, bench.seed)
    return Report(
        "Stability under typos and other dress",
        f"{bench.questions:,} questions of XQuAD, hybrid search over 240 paragraphs, k = 10.",
        ("Changes are those of the variant less those of the question, paired by question.",),
        (table,),
    )


def paraphrase(bench: Bench) -> Report:
    """Measure how far people's paraphrases get the same, beside pairs of questions that are not alike."""
    with (bench.data / "covid_qa/eval_question_similarity_en.csv").open(encoding="utf-8", newline="") as file:
        pairs = {str(number): row for number, row in enumerate(csv.DictReader(file), start=2)}
    with (bench.data / "covid_qa/faq_covidbert.csv").open(encoding="utf-8", newline="") as file:
        bank = {str(number): row["answer"] for number, row in enumerate(csv.DictReader(file), start=2) if row["answer"]}
    chosen = spread(list(pairs), bench.questions)
    with bench.collection("bank", bank) as answers:
        rows = bench.work(
            "paraphrase",
            chosen,
            lambda row_id, reader: stability_row(
                row_id, pairs[row_id]["question_1"], pairs[row_id]["question_2"], searching(answers, reader=reader)
            ),
            made_of={"pairs": len(chosen)},
        )
    alike = {"alike": "1", "not alike": "0"}
    groups = {name: [row for row in rows if pairs[row.id]["similar"] == label] for name, label in alike.items()}
    table = _by_group("By what people said of the pair, with 95 % intervals", groups, bench.seed)
    note = "Alike should agree, and not alike should not: the second line is what agreement by chance looks like."
    return Report(
        "Stability under paraphrase", f"{len(bank):,} answers of a COVID FAQ bank, k = 10.", (note,), (table,)
    )


def bias(bench: Bench) -> Report:
    """Measure whether who asks changes what is answered."""
    asked = {f"{name}|{row.id}": (axis, row) for name, axis in axes().items() for row in bench.rows()}
    with bench.paragraphs() as paragraphs:
        ids = {paragraphs.text(doc_id): doc_id for doc_id in map(str, range(1, len(paragraphs) + 1))}

        def do(row_id: str, reader: Reader | None) -> Row:
            axis, row = asked[row_id]
            return bias_row(
                row_id,
                row.question,
                axis,
                searching(paragraphs, reader=reader),
                answers=[row.answers],
                relevant=[ids[row.context]],
                seed=bench.seed,
            )

        rows = bench.work("bias", list(asked), do, made_of={"axes": sorted(axes())})
    by_axis = {name: [row for row in rows if row.id.startswith(f"{name}|")] for name in axes()}
    return Report(
        "Bias: the same question from other people",
        f"{bench.questions:,} questions of XQuAD, hybrid search over 240 paragraphs, k = 10.",
        ("The gap of a group is its value less the mean over all groups, paired by question; p by Holm over a table.",),
        tuple(_bias_table(name, by_axis[name], bench.seed) for name in by_axis),
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


def _one(reader: Reader | None, own: Reads | None) -> Reader:
    """Give the reader that is there: a chat model's, or the extractive one."""
    chosen = reader or (own.reader if own else None)
    if chosen is None:
        raise ConfigError("there is no reader: name a chat model or use the extractive one.")
    return chosen


def _cell(estimate: Estimate) -> Interval:
    return Interval(estimate.value, estimate.low, estimate.high)


def _table(title: str, found: Mapping[str, Estimate]) -> Table:
    lines = tuple((name, _cell(estimate), estimate.n) for name, estimate in found.items())
    return Table(title, ("measure", "value", "n"), lines)


def _by_group(title: str, groups: Mapping[str, Sequence[Row]], seed: int) -> Table:
    found = {name: estimates(rows, seed=seed) for name, rows in groups.items()}
    measures = list(dict.fromkeys(measure for group in found.values() for measure in group))
    lines: tuple[tuple[Cell, ...], ...] = tuple(
        (
            name,
            *(
                _difference(groups[name], measure, seed) if "change" in measure else _cell(group[measure])
                for measure in measures
            ),
        )
        for name, group in found.items()
    )
    return Table(title, ("", *measures), lines)


def _bias_table(name: str, rows: Sequence[Row], seed: int) -> Table:
    found = estimates(rows, seed=seed)
    gaps = [measure for measure in found if measure.endswith("_gap")]
    adjusted = dict(zip(gaps, holm([_paired(rows, measure, seed).p for measure in gaps]), strict=True))
    lines: list[tuple[Cell, ...]] = [
        (
            measure,
            _difference(rows, measure, seed) if measure in adjusted else _cell(estimate),
            adjusted.get(measure),
        )
        for measure, estimate in sorted(found.items(), key=lambda pair: (pair[0].endswith("_gap"), pair[0]))
    ]
    return Table(f"By {name}, with 95 % intervals", ("measure", "value", "p, adjusted"), tuple(lines))


def _paired(rows: Sequence[Row], measure: str, seed: int) -> Paired:
    """Compare a difference that stands in the rows with none."""
    values = [value for row in rows if not isinstance(value := row.outcomes[measure], Unscored)]
    return compare_paired([0.0] * len(values), values, seed=seed)


def _difference(rows: Sequence[Row], measure: str, seed: int) -> Interval:
    found = _paired(rows, measure, seed)
    return Interval(found.difference, found.low, found.high, signed=True)


if __name__ == "__main__":
    raise SystemExit(main())
