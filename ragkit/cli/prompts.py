"""`ragkit prompts`: the texts that models are given: what there is, to read, to copy and change, and to try."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragkit.cli.terminal import JsonFlag, emit_json
from ragkit.errors import ConfigError, InputError, shorten

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from ragkit.prompts.prompt import Prompt

__all__ = ["prompts"]

Folder = Annotated[
    Path | None,
    typer.Option("--prompts", metavar="DIR", help="Prompts of your own, by name; RAGKIT_PROMPTS when not given."),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The prompt.", show_default=False)]
Values = Annotated[list[str], typer.Option("--set", metavar="NAME=TEXT", help="What a variable holds; repeatable.")]
Files = Annotated[
    list[str], typer.Option("--set-file", metavar="NAME=FILE", help="A variable that holds a file's text; repeatable.")
]
Documents = Annotated[
    list[str],
    typer.Option(
        "--documents",
        metavar="[NAME=]FILE",
        help="Documents: one per line of a .jsonl, else the whole file; repeatable. NAME says for which variable, "
        "where there are several.",
    ),
]
Examples = Annotated[
    Path | None,
    typer.Option("--examples", metavar="FILE.jsonl", help="Examples, a line of JSON each with input and output."),
]
Messages = Annotated[
    Path | None,
    typer.Option("--messages", metavar="FILE.jsonl", help="A conversation, a line of JSON each with role and content."),
]

prompts = typer.Typer(
    name="prompts",
    invoke_without_command=True,
    rich_markup_mode=None,
)


@prompts.callback()
def _list(context: typer.Context, folder: Folder = None, json: JsonFlag = False) -> None:
    """List the prompts that models are given, with version, hash and variables; show, export and explain them.

    Example: ragkit prompts --json
    """
    if context.invoked_subcommand is not None:
        if folder is not None or json:
            raise typer.BadParameter("options of a command stand behind its name: ragkit prompts show NAME --json")
        return
    from ragkit.prompts.library import prompts as all_prompts

    found = all_prompts(folder=_folder(folder))
    if json:
        emit_json({"prompts": [_told(prompt) for prompt in found]})
    else:
        typer.echo("\n".join(_table([_row(prompt) for prompt in found])))


@prompts.command()
def show(name: Name, folder: Folder = None, json: JsonFlag = False) -> None:
    """Print the file of a prompt.

    Example: ragkit prompts show sentiment
    """
    from ragkit.prompts.library import load_prompt, prompt_text

    prompt = load_prompt(name, folder=_folder(folder))
    text = prompt_text(name, folder=_folder(folder))
    if json:
        emit_json({**_told(prompt), "text": text})
    else:
        typer.echo(text, nl=not text.endswith("\n"))


@prompts.command()
def export(
    target: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write to.", show_default=False)],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Which; all when none is given.", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
    json: JsonFlag = False,
) -> None:
    """Copy built-in prompts to a folder, to be changed there: pass it as --prompts, or set RAGKIT_PROMPTS.

    Example: ragkit prompts export ./prompts sentiment
    """
    from ragkit.disk.files import atomic_write
    from ragkit.prompts.library import prompt_text
    from ragkit.prompts.library import prompts as all_prompts

    texts = {name: prompt_text(name) for name in names or [prompt.name for prompt in all_prompts()]}
    files = {target / f"{name}.md": text for name, text in texts.items()}
    if there := [path for path in files if path.exists() and not force]:
        raise ConfigError(f"{there[0]} exists and would be written over: pass --force, or name another folder.")
    target.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        atomic_write(path, text.encode())
    if json:
        emit_json({"written": [str(path) for path in files]})
    else:
        typer.echo("\n".join(map(str, files)))


@prompts.command()
def explain(
    name: Name,
    values: Values = [],  # noqa: B006 - typer reads it and never changes it
    from_files: Files = [],  # noqa: B006
    documents: Documents = [],  # noqa: B006
    examples: Examples = None,
    messages: Messages = None,
    model: Annotated[
        str | None, typer.Option(metavar="SPEC", help="Whose tokens and price count; it is not called.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="A budget: what has no room is left out.")] = None,
    reply_tokens: Annotated[int | None, typer.Option(min=0, help="How long a reply to reckon with.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the mark around documents; a fresh random one when not given.")
    ] = None,
    folder: Folder = None,
    json: JsonFlag = False,
) -> None:
    """Print the messages that a prompt gives, tokens by part, what is left out for the budget, and the cost.

    Calls no model and uses no network.

    Example: ragkit prompts explain sentiment --set text="A gem." --model openai:gpt-4.1-mini
    """
    from ragkit.prompts.explanation import explain as explain_prompt
    from ragkit.prompts.library import load_prompt
    from ragkit.remote.prices import prices
    from ragkit.settings import Settings

    settings = Settings.from_environment()
    prompt = load_prompt(name, folder=_folder(folder))
    explanation = explain_prompt(
        prompt,
        {
            **_texts(values, from_files),
            **dict(_lists(prompt, documents, examples, messages)),
        },
        model=model,
        counter=_counter(model, settings.vocabulary_folder),
        max_tokens=max_tokens,
        reply_tokens=reply_tokens,
        prices=prices(settings.prices),
        seed=seed,
    )
    if json:
        emit_json(explanation.as_dict())
    else:
        typer.echo(str(explanation))


def _folder(given: Path | None) -> Path | None:
    from ragkit.settings import Settings

    return given or Settings.from_environment().prompts


def _told(prompt: Prompt) -> dict[str, Any]:
    variables = [
        {
            "name": item.name,
            "kind": item.kind,
            "about": item.about,
            "required": item.required,
            "default": item.plain_default(),
        }
        for item in prompt.variables
    ]
    return {**prompt.card, "about": prompt.about, "variables": variables, **_whence(prompt)}


def _whence(prompt: Prompt) -> dict[str, Any]:
    """Say where a prompt was read, and which built-in version it stands in for."""
    from ragkit.prompts.library import BUILT_IN, load_prompt
    from ragkit.prompts.library import prompts as all_prompts

    if prompt.origin == BUILT_IN or prompt.name not in {item.name for item in all_prompts()}:
        return {"origin": prompt.origin, "replaces": None}
    return {"origin": prompt.origin, "replaces": load_prompt(prompt.name).card}


def _row(prompt: Prompt) -> list[str]:
    from ragkit.prompts.library import BUILT_IN

    whence = _whence(prompt)
    origin = prompt.origin if prompt.origin == BUILT_IN or not whence["replaces"] else f"replaced by {prompt.origin}"
    return [prompt.name, f"v{prompt.version}", prompt.sha256[:12], ", ".join(prompt.variable_names), origin]


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _texts(values: Sequence[str], from_files: Sequence[str]) -> dict[str, str]:
    given = [*map(_pair, values), *((name, _text_of(Path(path))) for name, path in map(_pair, from_files))]
    names = [name for name, _ in given]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise typer.BadParameter(f"{shorten(twice, 40)} is given twice: keep one")
    return dict(given)


def _lists(
    prompt: Prompt, documents: Sequence[str], examples: Path | None, messages: Path | None
) -> Iterator[tuple[str, Any]]:
    from ragkit.prompts.examples import read_examples

    rows: dict[str, list[Any]] = {}
    for told in documents:
        name, path = _named(prompt, told)
        rows.setdefault(name, []).extend(_documents_of(path))
    yield from rows.items()
    if examples:
        yield _only(prompt, "examples"), read_examples(examples)
    if messages:
        yield _only(prompt, "messages"), [_message_of(row, place) for row, place in _rows_of(messages)]


def _pair(told: str) -> tuple[str, str]:
    name, equals, value = told.partition("=")
    if not equals:
        raise typer.BadParameter(f"{shorten(repr(told), 40)} names no variable: write NAME=VALUE")
    return name.strip(), value


def _named(prompt: Prompt, told: str) -> tuple[str, Path]:
    """Give the variable that a file of documents is for: the one before `=`, else the only one."""
    name, equals, path = told.partition("=")
    if equals and any(item.name == name and item.kind == "documents" for item in prompt.variables):
        return name, Path(path)
    return _only(prompt, "documents"), Path(told)


def _only(prompt: Prompt, kind: str) -> str:
    names = [variable.name for variable in prompt.variables if variable.kind == kind]
    if len(names) != 1:
        there = ", ".join(names) or "none"
        raise InputError(
            f"prompt {prompt.name} must have one variable of kind {kind} to take --{kind}, it has {there}"
            f"{': write NAME=FILE.' if names and kind == 'documents' else '.'}"
        )
    return names[0]


def _documents_of(path: Path) -> Iterator[Any]:
    if path.suffix == ".jsonl":
        yield from (row for row, _ in _rows_of(path))
    else:
        yield {"text": _text_of(path), "origin": str(path)}


def _rows_of(path: Path) -> Iterator[tuple[Any, str]]:
    """Give each line of JSON, and where it stands."""
    import json

    for number, line in enumerate(_text_of(path).split("\n"), start=1):
        if line.strip():
            try:
                yield json.loads(line), f"{path}:{number}"
            except (ValueError, RecursionError) as error:
                raise InputError(f"{path}:{number} is not JSON: expected one object per line.") from error


def _message_of(row: Any, place: str) -> BaseMessage:
    """Read a message as ragkit exports it, or as OpenAI writes it."""
    from langchain_core.messages.utils import convert_to_messages

    from ragkit.messages.plain import from_plain

    try:
        if isinstance(row, dict) and "type" in row:
            return from_plain(row)
        return convert_to_messages([row])[0]
    except (ValueError, KeyError, TypeError, NotImplementedError) as error:
        raise InputError(f"{place} is no message: expected role and content.") from error


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 ({error.reason}): convert it first.") from error


def _counter(model: str | None, folder: Path | None) -> Any:
    """Count as OpenAI's models do where their vocabulary is at hand; None leaves it to the model's name."""
    from ragkit.messages.tokens import counter_for

    return counter_for(model.removeprefix("openai:"), folder=folder) if model and model.startswith("openai:") else None
