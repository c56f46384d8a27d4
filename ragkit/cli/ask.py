"""`ragkit ask`: an answer with citations."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from ragkit.cli.terminal import JsonFlag, StoreFolder, WhereFilter, emit_json, spoken_warnings
from ragkit.types import Answer

__all__ = ["ask"]


def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.", show_default=False)],
    store: StoreFolder,
    model: Annotated[
        str, typer.Option(metavar="SPEC", help="Who answers; `extractive` quotes the documents and needs no model.")
    ] = "extractive",
    where: WhereFilter = None,
    json: JsonFlag = False,
) -> None:
    """Answer a question from a collection, every sentence quoted from a document, or say that it is not there.

    Example: ragkit ask "What does BM25 stand for?" --store ./store
    """
    from ragkit.compose import open as open_rag

    with spoken_warnings(), open_rag(store, create=False, read_only=not os.access(store, os.W_OK), model=model) as rag:
        answer = rag.ask(question, where=where)
    if json:
        emit_json(answer.as_dict())
    else:
        typer.echo(_describe(answer))


def _describe(answer: Answer) -> str:
    lines = [answer.text]
    for citation in answer.citations:
        page = f", page {citation.page}" if citation.page is not None else ""
        source = f" ({citation.source})" if citation.source not in {"", citation.doc_id} else ""
        place = f"{citation.doc_id}{source}{page}, characters {citation.start}-{citation.end}"
        lines.append(f"  {citation.marker} {place} (support {citation.support:.2f})")
    return "\n".join(lines)
