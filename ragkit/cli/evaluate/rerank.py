"""`ragkit eval rerank`: is another order of a run's candidates better?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ragkit.cli.evaluate.progress import rows_bar
from ragkit.cli.evaluate.shown import DataFolder, MeasureNames, OutFolder, Split, names_in, show
from ragkit.cli.terminal import JsonFlag, spoken_warnings

__all__ = ["rerank"]


def rerank(
    data: DataFolder,
    run: Annotated[Path, typer.Option("--run", metavar="RUN", help="The first stage: a TREC or MS MARCO run.")],
    out: OutFolder,
    split: Split = "test",
    depth: Annotated[int, typer.Option("--depth", metavar="N", help="How many documents per query are scored.")] = 100,
    embeddings: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="local:<hub id or folder> or openai:<model>; the packaged all-MiniLM-L6-v2 when not given.",
        ),
    ] = None,
    measures: MeasureNames = None,
    json: JsonFlag = False,
) -> None:
    """Re-rank a run's documents by the cosine of query and text, and compare with the order before, query by query.

    Example: ragkit eval rerank --data msmarco --split dl19 --run bm25.top100.trec.gz --out runs/reranked
    """
    from ragkit.compose import encoder_for
    from ragkit.errors import ConfigError
    from ragkit.evaluate.data.retrieval import load_retrieval
    from ragkit.evaluate.rerank import EncoderReranker, evaluate_rerank

    with spoken_warnings(), rows_bar("Re-ranking", quiet=json) as progress:
        if (encoder := encoder_for(out, embeddings)) is None:
            raise ConfigError(f"{out} holds a collection without an embedding model: give a new folder.")
        done = evaluate_rerank(
            load_retrieval(data, split=split),
            run,
            EncoderReranker(encoder),
            out,
            depth=depth,
            measures=names_in(measures),
            progress=progress,
        )
    show(done, out, json=json)
