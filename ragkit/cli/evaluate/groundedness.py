"""`ragkit eval groundedness`: does a judge find the responses that their context does not support?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ragkit.cli.evaluate.judging import JUDGES, named_judge, spent_in
from ragkit.cli.evaluate.progress import rows_bar
from ragkit.cli.evaluate.shown import OutFolder
from ragkit.cli.terminal import JsonFlag, emit_json, spoken_warnings

__all__ = ["groundedness"]


def groundedness(
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            metavar="PATH",
            help="JSONL of id, question, context, response, supported, spans; or a folder of RAGTruth, WiCE, …",
        ),
    ],
    out: OutFolder,
    judge: Annotated[
        str,
        typer.Option(metavar="NAME|SPEC", help=f"Who judges: {JUDGES}."),
    ] = "support",
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="T", min=0, max=1, help="Support below which a response is unsupported; by default the judge's own."
        ),
    ] = None,
    unit: Annotated[
        Literal["sentence", "response"], typer.Option(help="What is one claim: each sentence, or the response.")
    ] = "sentence",
    embeddings: Annotated[
        str | None, typer.Option(metavar="SPEC", help="Embedding model of the judge, such as local:<hub id or folder>.")
    ] = None,
    workers: Annotated[int, typer.Option(metavar="N", min=1, help="Questions to a chat model under way at once.")] = 1,
    json: JsonFlag = False,
) -> None:
    """Judge labelled responses, and say how well the judge finds the unsupported ones.

    A chat model is asked about each claim, and never the same thing twice in a run, however often it is resumed.

    Example: ragkit eval groundedness --data responses.jsonl --out runs/support
    """
    from ragkit.compose import encoder_for
    from ragkit.evaluate.groundedness.run import evaluate_groundedness, load_groundedness, notes_on
    from ragkit.evaluate.runs import RunFolder

    named = named_judge(
        judge, unit=unit, encoder=lambda: encoder_for(out, embeddings), threshold=threshold, workers=workers
    )
    config = {
        "judge": dict(named.judge.card),
        "threshold": named.threshold,
        "threshold_from": named.source,
        "unit": unit,
    }
    rows = load_groundedness(data)
    opened = RunFolder.open(
        out,
        command="eval groundedness",
        dataset=data.name,
        config=config,
        inputs=_files(data),
        seeds={"bootstrap": 0},
    )
    with spoken_warnings(), opened as run, rows_bar("Judging", quiet=json) as progress:
        done = evaluate_groundedness(
            run,
            rows,
            named.in_run(run),
            threshold=named.threshold,
            threshold_from=named.source,
            notes=notes_on(data),
            unit=unit,
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


def _files(data: Path) -> dict[str, Path]:
    """Name the files whose content decides the run."""
    if not data.is_dir():
        return {data.name: data}
    return {path.name: path for path in sorted(data.iterdir()) if ".jsonl" in path.name}
