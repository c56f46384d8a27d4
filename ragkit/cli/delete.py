"""`ragkit delete`: documents leave a collection."""

from __future__ import annotations

from typing import Annotated

import typer

from ragkit.cli.terminal import JsonFlag, StoreFolder, WhereFilter, emit_json
from ragkit.errors import InputError

__all__ = ["delete"]


def delete(
    store: StoreFolder,
    doc_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[DOC_ID...]", help="Documents to delete.", show_default=False)
    ] = None,
    where: WhereFilter = None,
    json: JsonFlag = False,
) -> None:
    """Delete documents by id or by filter; an id that is not there is no error.

    Example: ragkit delete --store ./store --where 'year < 2020'
    """
    from ragkit.store.collection import Collection

    if not doc_ids and where is None:
        raise InputError("nothing named to delete: give a DOC_ID or --where FILTER.")
    with Collection.open(store, create=False) as collection:
        count = collection.delete(doc_ids or (), where=where)
    if json:
        emit_json({"deleted": count})
    else:
        typer.echo(f"{count} {'document' if count == 1 else 'documents'} deleted.")
