"""Every command by name; errors become one sentence on stderr and an exit code.

Exit codes: 0 fine, 1 the work failed, 2 wrong use, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import typer

from ragkit.cli.ask import ask
from ragkit.cli.compact import compact
from ragkit.cli.delete import delete
from ragkit.cli.doctor import doctor
from ragkit.cli.evaluate import evaluate
from ragkit.cli.index import index
from ragkit.cli.info import info
from ragkit.cli.prompts import prompts
from ragkit.cli.reindex import reindex
from ragkit.cli.search import search
from ragkit.cli.show import show
from ragkit.errors import ConfigError, IndexMismatchError, InputError, RagkitError, StoreNotFoundError

__all__ = ["app", "console", "main"]

app = typer.Typer(
    name="ragkit",
    help="Answers from your own documents, with citations that are checked.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (index, search, ask, show, info, delete, compact, reindex, doctor):
    app.command()(command)
app.add_typer(evaluate)
app.add_typer(prompts)

_INTERRUPTED = 130
_WRONG_USE = (InputError, ConfigError, StoreNotFoundError, IndexMismatchError)


@app.callback(invoke_without_command=True)
def _ragkit(version: bool = typer.Option(False, "--version", help="Print the version and leave.")) -> None:
    if version:
        from ragkit import __version__

        typer.echo(__version__)
        raise typer.Exit


def console() -> None:
    """Run the command line as the whole of a process.

    Leaves without tearing the interpreter down, which takes a tenth of a second once OpenVINO and FAISS are loaded:
    collections are closed by then, output is flushed here, and the system frees the rest.
    """
    code = 0
    try:
        main()
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else 0
    for stream in (sys.stdout, sys.stderr):
        with suppress(BrokenPipeError, ValueError):
            stream.flush()
    os._exit(code)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave by SystemExit; no traceback for an error that ragkit or the system explains."""
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        code = app(args=given or ["--help"], prog_name="ragkit", standalone_mode=False)
        if code == _INTERRUPTED:  # typer has caught the Ctrl-C and says nothing
            _fail("stopped before it was done; what was finished is kept.", code)
    except BrokenPipeError:
        # The reader has left (`ragkit search … | head`): say nothing more, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "ragkit"
        code = _fail(f"{error.format_message().rstrip('.')}. See `{command} --help`.", error.exit_code)
    except RagkitError as error:
        code = _fail(str(error), 2 if isinstance(error, _WRONG_USE) else 1)
    except OSError as error:
        code = _fail(f"{error.filename or 'the system'}: {error.strerror or error}.", 1)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> int:
    typer.echo(f"ragkit: {message}", err=True)
    return code
