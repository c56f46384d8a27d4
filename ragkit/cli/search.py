"""`ragkit search`: the chunks that match a query."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from ragkit.cli.terminal import JsonFlag, StoreFolder, WhereFilter, emit_json, spoken_warnings
from ragkit.types import Hit

__all__ = ["search"]


def search(
    query: Annotated[str, typer.Argument(help="What to look for.", show_default=False)],
    store: StoreFolder,
    k: Annotated[int, typer.Option("-k", help="How many hits.")] = 10,
    mode: Annotated[str, typer.Option(metavar="hybrid|dense|bm25", help="Which arms to ask.")] = "hybrid",
    where: WhereFilter = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compare with every vector, also in a collection with an index of them.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Search a collection.

    Example: ragkit search "what is a bi-encoder" --store ./store -k 3
    """
    from ragkit.compose import open as open_rag
    from ragkit.retrieve.options import SearchOptions

    with spoken_warnings(), open_rag(store, create=False, read_only=not os.access(store, os.W_OK)) as rag:
        hits = rag.search(query, k=k, mode=mode, where=where, options=SearchOptions(exact=exact))
    if json:
        emit_json({"query": query, "mode": mode, "hits": [hit.as_dict() for hit in hits]})
        return
    for hit in hits:
        typer.echo(_describe(hit))
    if not hits:
        typer.echo("No hits.", err=True)


def _describe(hit: Hit) -> str:
    arms = ", ".join(f"{name} {arm.score:.3f} (#{arm.rank})" for name, arm in hit.arms.items())
    page = f", page {hit.page}" if hit.page is not None else ""
    source = f" ({hit.source})" if hit.source not in {"", hit.doc_id} else ""
    place = f"{hit.doc_id}{source}{page}, characters {hit.start}-{hit.end}"
    text = " ".join(hit.text.split())
    shown = text if len(text) <= 300 else text[:299] + "…"
    return f"{hit.rank}. {place}\n   score {hit.score:.3f}: {arms}\n   {shown}\n"
