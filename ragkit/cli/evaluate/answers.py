"""`ragkit eval answers`: are the answers right, quoted as they stand, and withheld where there is none?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ragkit.cli.evaluate.judging import JUDGES, named_judge, spent_in
from ragkit.cli.evaluate.progress import rows_bar
from ragkit.cli.terminal import JsonFlag, emit_json, spoken_warnings
from ragkit.errors import ConfigError

if TYPE_CHECKING:
    from ragkit.cli.evaluate.judging import NamedJudge
    from ragkit.encoder import Encoder
    from ragkit.evaluate.answers.said import Answers
    from ragkit.evaluate.data.answers import AnswerRow

__all__ = ["answers"]


def answers(
    data: Annotated[
        Path, typer.Option("--data", metavar="FILE", help="Questions with gold answers: SQuAD JSON, or own JSONL.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the run; resumed if it was stopped.")],
    store: Annotated[Path | None, typer.Option("--store", metavar="DIR", help="Collection to ask.")] = None,
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", metavar="FILE", help="Answers given before: JSONL, or SQuAD predictions."),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", metavar="SPEC", help="Who answers from the collection; `extractive` quotes it.")
    ] = "extractive",
    judge: Annotated[
        str,
        typer.Option("--judge", metavar="NAME|SPEC", help=f"Who says that a quote is enough: {JUDGES}."),
    ] = "support",
    workers: Annotated[
        int,
        typer.Option("--workers", metavar="N", min=1, help="Questions to a chat model that judges under way at once."),
    ] = 1,
    json: JsonFlag = False,
) -> None:
    """Measure answers: right, quoted, and declined where the documents do not answer; with intervals.

    A row of JSONL is {"id","question","answers":[...]}; an empty list says that it cannot be answered and should be
    declined. An answer is correct if it contains a gold answer, normalised as in SQuAD.

    Example: ragkit eval answers --data questions.jsonl --store ./store --out runs/answers
    """
    from ragkit.evaluate.answers.run import answers_config, evaluate_answers, read_questions
    from ragkit.evaluate.runs import RunFolder

    questions = read_questions(data)
    with spoken_warnings(), ExitStack() as opened:
        answering = _answering(opened, store, predictions, model, questions.rows)
        named = named_judge(judge, unit="response", encoder=lambda: _encoder(store, out), workers=workers)
        inputs = {"data": data} | ({"predictions": predictions} if predictions else {})
        config = answers_config(answering, named.judge, entailed_from=named.threshold)
        run = opened.enter_context(
            RunFolder.open(
                out, command="eval answers", dataset=data.name, config=config, inputs=inputs, seeds={"bootstrap": 0}
            )
        )
        with rows_bar("Asking", quiet=json) as progress:
            done = evaluate_answers(
                run,
                questions,
                answering,
                named.in_run(run),
                entailed_from=named.threshold,
                calibrated=_calibrated(named, judge),
                progress=progress,
            )
        spent = spent_in(run, judge)
    if json:
        emit_json(done.metrics)
        return
    from rich.console import Console

    from ragkit.evaluate.reports.terminal import print_report

    print_report(done.report, done.estimates, Console())
    if spent:
        typer.echo(f"\n{spent}", err=True)
    typer.echo(f"\nWritten: {out / 'report.html'}", err=True)


def _answering(
    opened: ExitStack, store: Path | None, predictions: Path | None, model: str, rows: Sequence[AnswerRow]
) -> Answers:
    from ragkit.evaluate.answers.said import CollectionAnswers, Predictions

    if store is None and predictions is not None:
        given = Predictions(predictions)
        given.check(rows)
        return given
    if store is None or predictions is not None:
        got = "neither" if store is None else "both"
        raise ConfigError(f"give either --store or --predictions, not {got}: a run measures one system.")
    from ragkit.compose import open as open_rag

    rag = open_rag(store, create=False, read_only=not os.access(store, os.W_OK), model=model)
    return CollectionAnswers(opened.enter_context(rag))


def _calibrated(named: NamedJudge, name: str) -> str:
    """Say how far the judge agrees with people."""
    from ragkit.evaluate.judges.detectors import beside_people

    if named.chat is None:
        return beside_people(name)
    return (
        f"Before its means are read: how far the judge {name} agrees with people is not known here; "
        "`ragkit eval groundedness` on labelled responses tells."
    )


def _encoder(store: Path | None, out: Path) -> Encoder | None:
    """Give the collection's own model; without a collection, the packaged one."""
    from ragkit.compose import encoder_for

    return encoder_for(store or out)
