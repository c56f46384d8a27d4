"""`ragkit index`: files and folders into a collection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragkit.cli.spending import spent_by, tell_spent, told_if_stopped
from ragkit.cli.terminal import JsonFlag, StoreFolder, emit_json, progress_bar, spoken_warnings

if TYPE_CHECKING:
    from ragkit.encoder import Encoder
    from ragkit.ingest.sync import SyncReport

__all__ = ["index"]


def index(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files or folders.", show_default=False)],
    store: StoreFolder,
    embeddings: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="local:<hub id or folder> or openai:<model>; the packaged all-MiniLM-L6-v2 when not given.",
        ),
    ] = None,
    chunk_tokens: Annotated[
        int | None, typer.Option(metavar="N", help="Longest chunk in tokens; what the model reads when not given.")
    ] = None,
    overlap: Annotated[
        int | None, typer.Option(metavar="N", help="Sentences repeated from the chunk before.  [default: 1]")
    ] = None,
    include: Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Only files that match.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Not the files that match.")] = None,
    text_column: Annotated[str, typer.Option(metavar="NAME", help="Column of CSV files that holds the text.")] = "text",
    prune: Annotated[bool, typer.Option("--prune", help="Let the documents of a missing or empty PATH leave.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and change nothing.")] = False,
    json: JsonFlag = False,
) -> None:
    """Sync files and folders into a collection: only new or changed text is embedded.

    Exit code 1 when a file could not be read; the rest is indexed all the same.

    Example: ragkit index handbook/ --store ./store
    """
    from ragkit.compose import encoder_for

    options: dict[str, Any] = {
        "chunk_tokens": chunk_tokens,
        "overlap": overlap,
        "include": include or (),
        "exclude": exclude or (),
        "text_column": text_column,
        "prune": prune,
    }
    with spoken_warnings(), progress_bar(quiet=json) as progress:
        run = _plan if dry_run else _sync
        encoder = encoder_for(store, embeddings)
        with told_if_stopped(encoder):
            report = run(paths, store, encoder, progress=progress, **options)
    if json:
        emit_json({**report.as_dict(), **spent_by(encoder)})
    else:
        _tell(report, dry_run=dry_run)
        tell_spent(encoder)
    if report.failed:
        raise typer.Exit(1)


def _sync(paths: list[str], store: Path, encoder: Encoder | None, **options: Any) -> SyncReport:
    from ragkit.compose import open as open_rag
    from ragkit.ingest.sync import check_sync
    from ragkit.store.folder import Folder

    if encoder is not None and Folder(store).manifest() is None:
        options_to_check = {key: value for key, value in options.items() if key not in {"progress", "text_column"}}
        check_sync(encoder, paths, **options_to_check)
    with open_rag(store, embeddings=encoder) as rag:
        return rag.sync(paths, **options)


def _plan(paths: list[str], store: Path, encoder: Encoder | None, **options: Any) -> SyncReport:
    """Say what a sync would do; a collection that is not there is not made."""
    from ragkit.errors import StoreNotFoundError
    from ragkit.ingest.sync import sync
    from ragkit.store.collection import Collection

    try:
        with Collection.open(store, encoder, create=False, read_only=True) as collection:
            return sync(collection, encoder, paths, dry_run=True, **options)
    except StoreNotFoundError:
        return sync(None, encoder, paths, dry_run=True, **options)


def _tell(report: SyncReport, *, dry_run: bool) -> None:
    for failure in report.failed:
        typer.echo(f"ragkit: {failure.path}: {failure.reason}", err=True)
    typer.echo(
        f"{'Plan: ' if dry_run else ''}{report.added} added, {report.changed} changed, {report.removed} removed, "
        f"{report.unchanged} unchanged, {len(report.failed)} failed; {report.chunks} chunks, "
        f"{report.embedded} embedded in {report.seconds:.1f} s."
    )
