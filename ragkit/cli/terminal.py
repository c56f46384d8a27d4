"""What a person or a program sees: JSON on stdout, progress and warnings on stderr."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ragkit.ingest.sync import Progress

__all__ = ["JsonFlag", "StoreFolder", "WhereFilter", "emit_json", "progress_bar", "spoken_warnings"]

StoreFolder = Annotated[Path, typer.Option("--store", metavar="DIR", help="Folder of the collection.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
WhereFilter = Annotated[
    str | None, typer.Option("--where", metavar="FILTER", help="Filter, such as 'year >= 2020 and lang = \"en\"'.")
]


def emit_json(document: object) -> None:
    """Print `document` as one JSON document; dates become ISO 8601 text."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2, default=_iso))


def _iso(value: object) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)


@contextmanager
def spoken_warnings() -> Iterator[None]:
    """Show each warning once as a sentence on stderr, without the line of code that raised it."""
    seen: set[str] = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        if str(message) not in seen:
            seen.add(str(message))
            typer.echo(f"ragkit: {message}", err=True)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Callable[[Progress], None] | None]:
    """Give a callback that draws documents done, rate and time left on stderr; None where nobody watches."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    with Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Indexing", total=None, rate="")

        def update(progress: Progress) -> None:
            rate = f"{progress.rate:.0f} chunks/s"
            bar.update(task, completed=progress.done, total=progress.total, rate=rate)

        yield update
