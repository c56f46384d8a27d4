"""`ragkit eval groundedness`: does a judge find the responses that their context does not support?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

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
        str, typer.Option(metavar="support|support+embedding|overlap|embedding", help="Who judges.")
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
    json: JsonFlag = False,
) -> None:
    """Judge labelled responses, and say how well the judge finds the unsupported ones.

    Example: ragkit eval groundedness --data responses.jsonl --out runs/support
    """
    from ragkit.compose import encoder_for
    from ragkit.evaluate.groundedness.run import evaluate_groundedness, load_groundedness, notes_on
    from ragkit.evaluate.judges.detectors import detector, detector_threshold
    from ragkit.evaluate.runs import RunFolder

    used = encoder_for(out, embeddings) if "embedding" in judge else None
    judging = detector(judge, used)
    chosen = detector_threshold(judge, unit) if threshold is None else threshold
    source = "chosen on development data" if threshold is None else "given"
    config = {"judge": dict(judging.card), "threshold": chosen, "threshold_from": source, "unit": unit}
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
            judging,
            threshold=chosen,
            threshold_from=source,
            notes=notes_on(data),
            unit=unit,
            progress=progress,
        )
    if json:
        emit_json(done.metrics)
        return
    from rich.console import Console

    from ragkit.evaluate.reports.terminal import print_report

    print_report(done.report, done.estimates, Console())
    typer.echo(f"\nWritten: {out / 'report.html'}", err=True)


def _files(data: Path) -> dict[str, Path]:
    """Name the files whose content decides the run."""
    if not data.is_dir():
        return {data.name: data}
    return {path.name: path for path in sorted(data.iterdir()) if ".jsonl" in path.name}
