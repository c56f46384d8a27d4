"""`ragkit info`: what is in a collection and how it was built."""

from __future__ import annotations

import typer

from ragkit.cli.terminal import JsonFlag, StoreFolder, emit_json

__all__ = ["info"]


def info(store: StoreFolder, json: JsonFlag = False) -> None:
    """Say what is in a collection and how it was built.

    Example: ragkit info --store ./store
    """
    from ragkit.store.collection import Collection

    with Collection.open(store, create=False, read_only=True) as collection:
        facts = collection.info()
    if json:
        emit_json(facts)
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        shown = ", ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else value
        shown = ", ".join(map(str, shown)) if isinstance(shown, list) else shown
        typer.echo(f"{name:<{width}}  {shown}")
