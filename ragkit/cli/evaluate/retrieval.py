"""`ragkit eval retrieval`: how well a test collection is searched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ragkit.cli.evaluate.shown import DataFolder, MeasureNames, OutFolder, Split, names_in, show
from ragkit.cli.terminal import JsonFlag, progress_bar, spoken_warnings

if TYPE_CHECKING:
    from ragkit.evaluate.retrieval.inflation import Inflation

__all__ = ["retrieval"]


def retrieval(
    data: DataFolder,
    out: OutFolder,
    split: Split = "test",
    mode: Annotated[str, typer.Option(metavar="hybrid|dense|bm25", help="Which arms to ask.")] = "hybrid",
    k: Annotated[int, typer.Option("-k", help="Documents per query; above 100 a hybrid search looks deeper.")] = 100,
    store: Annotated[
        Path | None,
        typer.Option(
            "--store", metavar="DIR", help="Folder of the collection, kept for other runs.  [default: OUT/store]"
        ),
    ] = None,
    embeddings: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="local:<hub id or folder> or openai:<model>; the packaged all-MiniLM-L6-v2 when not given.",
        ),
    ] = None,
    measures: MeasureNames = None,
    inflation: Annotated[
        bool, typer.Option("--inflation", help="Also search smaller parts of the corpus and draw what they score.")
    ] = False,
    hard: Annotated[
        Path | None,
        typer.Option("--hard", metavar="RUN", help="With --inflation: a run whose documents are in every part."),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Index a test collection, search it and score what was found, with intervals.

    Passages are embedded once per collection, for --mode bm25 too: any mode can then search it. A stopped run goes on
    where it was. Scores of a part of a corpus say so: they are no scores of the whole.

    Example: ragkit eval retrieval --data scifact --mode hybrid --out runs/hybrid --store scifact.store
    """
    from ragkit.compose import encoder_for
    from ragkit.evaluate.data.retrieval import load_retrieval
    from ragkit.evaluate.retrieval.searched import Watch, evaluate_retrieval

    curve = _inflation(inflation, hard)
    with spoken_warnings(), progress_bar(quiet=json) as indexing:
        done = evaluate_retrieval(
            load_retrieval(data, split=split),
            encoder_for(store or out / "store", embeddings),
            out,
            mode=mode,
            k=k,
            store=store,
            measures=names_in(measures),
            inflation=curve,
            watch=Watch(indexing=indexing),
        )
    show(done, out, json=json)


def _inflation(wanted: bool, hard: Path | None) -> Inflation | None:
    from ragkit.evaluate.retrieval.inflation import Inflation

    if hard is not None and not wanted:
        raise typer.BadParameter("--hard says which documents the parts of --inflation hold: give both")
    return Inflation(hard=hard) if wanted else None
