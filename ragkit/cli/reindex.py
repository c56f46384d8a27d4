"""`ragkit reindex`: a collection built again with another model or another chunker."""

from __future__ import annotations

from typing import Annotated

import typer

from ragkit.cli.spending import spent_by, tell_spent, told_if_stopped
from ragkit.cli.terminal import JsonFlag, StoreFolder, emit_json, progress_bar, spoken_warnings
from ragkit.errors import ConfigError

__all__ = ["reindex"]


def reindex(
    store: StoreFolder,
    embeddings: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="local:<hub id or folder> or openai:<model>; the model the collection was built with when not given.",
        ),
    ] = None,
    chunk_tokens: Annotated[
        int | None, typer.Option(metavar="N", help="Longest chunk in tokens; as before when not given.")
    ] = None,
    overlap: Annotated[
        int | None, typer.Option(metavar="N", help="Sentences repeated from the last chunk; as before when not given.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Build a collection again with another model or chunker, from the texts it holds; files are not read again.

    Searches answer from the old vectors until the new ones are complete. With the same model and chunker only what is
    damaged is embedded again.

    Example: ragkit reindex --store ./store --embeddings local:intfloat/multilingual-e5-small
    """
    from ragkit.compose import encoder_for
    from ragkit.errors import StoreNotFoundError
    from ragkit.ingest.reindex import reindex as build_again
    from ragkit.store.collection import Collection
    from ragkit.store.folder import Folder

    if Folder(store).manifest() is None:
        raise StoreNotFoundError(f"there is no collection in {store}: index into it first, or check the name.")
    encoder = encoder_for(store, embeddings)
    if encoder is None:
        raise ConfigError("the collection does not say which model made its vectors: name one with --embeddings SPEC.")
    with (
        spoken_warnings(),
        progress_bar(quiet=json) as progress,
        Collection.open(store, create=False, repair=True) as collection,
        told_if_stopped(encoder),
    ):
        report = build_again(collection, encoder, chunk_tokens=chunk_tokens, overlap=overlap, progress=progress)
    if json:
        emit_json({**report.as_dict(), **spent_by(encoder)})
    else:
        typer.echo(
            f"{report.documents} documents, {report.chunks} chunks, {report.embedded} embedded with {report.model} in "
            f"{report.seconds:.1f} s."
        )
        tell_spent(encoder)
