"""`ragkit eval run`: the scores of a run that exists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ragkit.cli.evaluate.shown import MeasureNames, OutFolder, names_in, show
from ragkit.cli.terminal import JsonFlag, spoken_warnings

__all__ = ["run"]


def run(
    run: Annotated[Path, typer.Option("--run", metavar="RUN", help="TREC or MS MARCO run, plain or packed.")],
    qrels: Annotated[Path, typer.Option("--qrels", metavar="QRELS", help="Judgments: TREC, BEIR or MS MARCO form.")],
    out: OutFolder,
    measures: MeasureNames = None,
    relevant_from: Annotated[
        int | None,
        typer.Option(
            "--relevant-from",
            metavar="GRADE",
            help="Lowest grade that binary measures count.  [default: 2 for files of TREC Deep Learning, else 1]",
        ),
    ] = None,
    queries: Annotated[
        Path | None, typer.Option("--queries", metavar="FILE", help="Texts of the queries, for the report.")
    ] = None,
    ignore_identical_ids: Annotated[
        bool, typer.Option("--ignore-identical-ids", help="Drop the document whose id is the query's (ArguAna, Quora).")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Score a run file, with intervals; judged queries without results count 0.

    Documents with equal scores are taken by the rank that is written, then by falling id; trec_eval goes by the id
    alone, and gives other numbers where a run has rounded scores.

    Example: ragkit eval run --run bm25.trec.gz --qrels qrels.dev.small.tsv --out runs/bm25
    """
    from ragkit.evaluate.retrieval.scored import evaluate_run

    with spoken_warnings():
        done = evaluate_run(
            run,
            qrels,
            out,
            measures=names_in(measures),
            relevant_from=relevant_from,
            ignore_identical_ids=ignore_identical_ids,
            queries=queries,
        )
    show(done, out, json=json)
