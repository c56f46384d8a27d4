"""What the retrieval commands share: their options, and what they print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ragkit.cli.terminal import emit_json

if TYPE_CHECKING:
    from ragkit.evaluate.retrieval.scored import Evaluation

__all__ = ["DataFolder", "MeasureNames", "OutFolder", "Split", "names_in", "show"]

DataFolder = Annotated[
    Path, typer.Option("--data", metavar="DIR", help="Test collection in BEIR or MS MARCO layout, plain or packed.")
]
Split = Annotated[str, typer.Option("--split", metavar="NAME", help="Queries and judgments, such as test, dl19.")]
OutFolder = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the run; resumed if it was stopped.")]
MeasureNames = Annotated[
    str | None,
    typer.Option("--measures", metavar="NAMES", help="Names of ir_measures with commas between, such as nDCG@10,AP."),
]


def names_in(measures: str | None) -> list[str]:
    """Give the names in a list with commas between; commas inside brackets belong to a name.

    Example:
        >>> names_in("nDCG@10, P(rel=2,judged_only=True)@5")
        ['nDCG@10', 'P(rel=2,judged_only=True)@5']
    """
    names, depth = [""], 0
    for character in measures or "":
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            names.append("")
        else:
            names[-1] += character
    return [name.strip() for name in names if name.strip()]


def show(done: Evaluation, out: Path, *, json: bool) -> None:
    """Print what an evaluation came to: the content of `metrics.json`, or its report."""
    if json:
        emit_json(dict(done.metrics))
        return
    from rich.console import Console

    from ragkit.evaluate.reports.terminal import print_report

    print_report(done.report, done.estimates, Console())
    typer.echo(f"\nWritten: {out / 'report.html'}", err=True)
