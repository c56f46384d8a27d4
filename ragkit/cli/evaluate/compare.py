"""`ragkit eval compare`: is the candidate better than the baseline, or is it chance?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ragkit.cli.terminal import JsonFlag, emit_json

if TYPE_CHECKING:
    from ragkit.evaluate.comparison.verdicts import Comparison

__all__ = ["compare"]


def compare(
    baseline: Annotated[
        Path, typer.Argument(metavar="A", help="The baseline: a run's folder or a baseline file.", show_default=False)
    ],
    candidate: Annotated[Path, typer.Argument(metavar="B", help="The candidate: a run's folder.", show_default=False)],
    min_effect: Annotated[
        float, typer.Option("--min-effect", help="The smallest difference that matters, in the unit of the measures.")
    ] = 0.01,
    measures: Annotated[
        str | None,
        typer.Option(
            "--measures", metavar="NAMES", help="What is compared, with commas between: all that both have by default."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write an HTML page too.")] = None,
    json: JsonFlag = False,
) -> None:
    """Compare two runs over the same rows; exits 1 only for a loss that is significant and matters.

    A loss is significant when its p is below 0.05 after Holm's adjustment over all measures compared, and matters when
    it is larger than --min-effect. Rows that one run did not score are left out and counted.

    Example: ragkit eval compare runs/bm25 runs/hybrid --measures nDCG@10,R@100 --min-effect 0.01
    """
    from ragkit.errors import InputError, LoadError
    from ragkit.evaluate.compare import compare as compare_runs
    from ragkit.evaluate.comparison.text import as_text

    names = [name.strip() for name in measures.split(",") if name.strip()] if measures is not None else None
    try:
        comparison = compare_runs(baseline, candidate, min_effect=min_effect, measures=names)
    except LoadError as error:  # whose exit code 1 would read as a loss
        raise InputError(str(error)) from error
    if out is not None:
        _write_page(comparison, out)
    if json:
        emit_json(comparison.as_dict())
    else:
        typer.echo(as_text(comparison))
    if comparison.regressions:
        lost = ", ".join(measure.measure for measure in comparison.regressions)
        typer.echo(f"ragkit: {candidate} is worse than {baseline}: {lost}.", err=True)
        raise typer.Exit(1)


def _write_page(comparison: Comparison, out: Path) -> None:
    from ragkit.disk.files import atomic_write
    from ragkit.errors import InputError
    from ragkit.evaluate.comparison.page import comparison_report
    from ragkit.evaluate.reports.page import render_html

    page = render_html(comparison_report(comparison), {}, {}).encode()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(out, page)
    except OSError as error:  # whose exit code 1 would read as a loss
        raise InputError(f"The page {out} cannot be written: {error.strerror or error}.") from error
