"""`ragkit eval answers`: are the answers right, quoted as they stand, and withheld where there is none?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ragkit.cli.evaluate.progress import rows_bar
from ragkit.cli.terminal import JsonFlag, emit_json, spoken_warnings
from ragkit.errors import ConfigError

if TYPE_CHECKING:
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
        typer.Option(
            "--judge", metavar="support|support+embedding|overlap|embedding", help="Who says that a quote is enough."
        ),
    ] = "support",
    json: JsonFlag = False,
) -> None:
    """Measure answers: right, quoted, and declined where the documents do not answer; with intervals.

    A row of JSONL is {"id","question","answers":[...]}; an empty list says that it cannot be answered and should be
    declined. An answer is correct if it contains a gold answer, normalised as in SQuAD.

    Example: ragkit eval answers --data questions.jsonl --store ./store --out runs/answers
    """
    from ragkit.evaluate.answers.run import answers_config, evaluate_answers, read_questions
    from ragkit.evaluate.judges.detectors import beside_people, detector, detector_threshold
    from ragkit.evaluate.runs import RunFolder

    questions = read_questions(data)
    with spoken_warnings(), ExitStack() as opened:
        answering = _answering(opened, store, predictions, model, questions.rows)
        judging = detector(judge, _encoder(store, out) if "embedding" in judge else None)
        threshold = detector_threshold(judge, "response")
        inputs = {"data": data} | ({"predictions": predictions} if predictions else {})
        config = answers_config(answering, judging, entailed_from=threshold)
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
                judging,
                entailed_from=threshold,
                calibrated=beside_people(judge),
                progress=progress,
            )
    if json:
        emit_json(done.metrics)
        return
    from rich.console import Console

    from ragkit.evaluate.reports.terminal import print_report

    print_report(done.report, done.estimates, Console())
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


def _encoder(store: Path | None, out: Path) -> Encoder | None:
    """Give the collection's own model; without a collection, the packaged one."""
    from ragkit.compose import encoder_for

    return encoder_for(store or out)
