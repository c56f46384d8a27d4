"""`ragkit compact`: the space of deleted documents is given back."""

from __future__ import annotations

from typing import Annotated

import typer

from ragkit.cli.terminal import JsonFlag, StoreFolder, emit_json

__all__ = ["compact"]


def compact(
    store: StoreFolder,
    secure: Annotated[
        bool, typer.Option("--secure", help="Leave no byte of deleted documents in the folder; always copies.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Give back the space of deleted documents; nothing is embedded again, and searches go on meanwhile.

    Needs room for a second copy of what is not deleted. A cache of vectors in RAGKIT_CACHE is not touched.

    Example: ragkit compact --store ./store --secure
    """
    from ragkit.store.collection import Collection

    with Collection.open(store, create=False) as collection:
        report = collection.compact(secure=secure)
    if json:
        emit_json(report.as_dict())
    elif report.compacted:
        typer.echo(
            f"{report.documents} documents, {report.chunks} chunks kept, {report.rows_dropped} deleted chunks dropped; "
            f"{report.bytes_before:,} bytes became {report.bytes_after:,} in {report.seconds:.1f} s."
        )
    else:
        typer.echo("Nothing to give back.")
