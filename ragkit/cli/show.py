"""`ragkit show`: the stored text of a document, which every offset counts into."""

from __future__ import annotations

from typing import Annotated

import typer

from ragkit.cli.terminal import JsonFlag, StoreFolder, emit_json

__all__ = ["show"]


def show(
    doc_id: Annotated[str, typer.Argument(metavar="DOC_ID", help="The document.", show_default=False)],
    store: StoreFolder,
    start: Annotated[int, typer.Option(min=0, help="First character.")] = 0,
    end: Annotated[int | None, typer.Option(min=0, help="One past the last character; the end when not given.")] = None,
    json: JsonFlag = False,
) -> None:
    """Print the extracted text of a document, or a slice of it, exactly as stored.

    Example: ragkit show 07-bm25.md --store ./store --start 0 --end 200
    """
    from ragkit.store.collection import Collection

    with Collection.open(store, create=False, read_only=True) as collection:
        document = collection.get(doc_id)
        text = collection.text(doc_id, start, end)
    if json:
        first = min(start, document.chars)
        place = {"start": first, "end": first + len(text)}
        about = {"title": document.title, "metadata": dict(document.metadata)}
        emit_json({"doc_id": doc_id, "source": document.source, **place, "text": text, **about})
    else:
        # No newline of our own: what is printed is the slice, to the character.
        typer.echo(text, nl=False)
