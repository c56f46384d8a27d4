"""`ragkit eval data`: what a test collection or a labelled set holds, and whether its files are the published ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ragkit.cli.terminal import JsonFlag, emit_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ragkit.evaluate.data.msmarco_files import FileCheck

__all__ = ["data"]


def data(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="What it is: beir, msmarco, squad, ragtruth, groundedness, answers, run, qrels ... "
            "or auto, which looks at names and first lines.",
            show_default=False,
        ),
    ],
    path: Annotated[Path | None, typer.Argument(metavar="[PATH]", help="A file or folder.", show_default=False)] = None,
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="DIR", help="Of msmarco: compare the files in DIR with the published ones."),
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", metavar="NAME", help="Which part, of sets that are divided.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Read a set whole and count it, so that every wrong line is found; or check official files by count and MD5.

    Exits 1 if a line is wrong, or with --check if a file is wrong or missing.

    Example: ragkit eval data auto ./scifact

    Example: ragkit eval data msmarco --check ./msmarco
    """
    if check is not None:
        if kind != "msmarco" or path is not None:
            raise typer.BadParameter("published files are known of MS MARCO only: ragkit eval data msmarco --check DIR")
        _show_checks(check, json=json)
    elif path is None:
        raise typer.BadParameter("name a file or folder: ragkit eval data auto PATH")
    else:
        _show_summary(kind, path, split, json=json)


def _show_checks(folder: Path, *, json: bool) -> None:
    from ragkit.evaluate.data.msmarco_files import check_files

    checks = check_files(folder, lambda name: typer.echo(f"Reading {name} ...", err=True))
    good = all(check.state == "good" for check in checks)
    if json:
        emit_json({"kind": "msmarco", "folder": str(folder), "good": good, "files": _as_rows(checks)})
    else:
        for check in checks:
            typer.echo(f"{check.state:8}{check.name:32}{check.reason}")
    if not good:
        raise typer.Exit(1)


def _as_rows(checks: Sequence[FileCheck]) -> list[dict[str, object]]:
    return [
        {
            "name": check.name,
            "path": None if check.path is None else str(check.path),
            "state": check.state,
            "lines": check.lines,
            "md5": check.md5 or None,
            "reason": check.reason,
        }
        for check in checks
    ]


def _show_summary(kind: str, path: Path, split: str | None, *, json: bool) -> None:
    from ragkit.evaluate.data.summary import summarise

    summary = summarise(path, kind, split=split)
    if json:
        counts, facts = dict(summary.counts), dict(summary.facts)
        emit_json({"kind": summary.kind, "path": str(path), "counts": counts, "facts": facts})
        return
    typer.echo(f"{path}: {summary.kind}")
    for name, fact in summary.facts.items():
        typer.echo(f"  {name}: {fact}")
    for name, count in summary.counts.items():
        typer.echo(f"{count:>12,}  {name}")
