r"""A prompt is a Markdown file that a person can read, edit and compare.

    ---
    name: sentiment
    version: 1
    about: Which of a few labels fits the mood of a text.
    variables:
      labels: {kind: option, default: [positive, negative]}
      examples: {kind: examples, default: []}
      text: text
    ---
    # system

    Say which of these labels fits the text: {{labels}}. Answer with the label alone.

    # {{examples}}

    # user

    {{text}}

The front matter is YAML; a variable is its kind, or a mapping of the fields of `Variable`. A section begins at a
heading of the first level that is a role (`# system`, `# user`, `# assistant`) or a slot (`# {{examples}}`) and nothing
else; a slot has no text. What is nearly one (`## user`, `# Human`, `#user:`) is refused, all other headings are text. A
line of text that would be taken for one is written with a backslash before it (`\# user`), and one that has backslashes
there with one more. Slots and their escape are those of `Template`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from ragkit.errors import ConfigError
from ragkit.prompts.front_matter import Front, fault_at, front_text
from ragkit.prompts.prompt import Prompt
from ragkit.prompts.sections import Section, flaws, identity_flaws
from ragkit.prompts.variable import REQUIRED, Role, Variable

__all__ = ["parse_prompt", "read_prompt", "write_prompt"]

_FRONT = re.compile(r"---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_SLOT = r"\{\{[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*\}\}"
_HEADING = re.compile(rf"#[ \t]+(?:(system|user|assistant)|{_SLOT})[ \t]*", re.I)
# Also what one writes who remembers it half: text that it would become without a word is worse than a refusal.
_NEARLY = re.compile(
    r"(\\*)[ \t]*(?:#+[ \t]*(?:system|user|assistant|human|ai)(?:[ \t]+(?:message|prompt))?"
    rf"|#[ \t]*{_SLOT})[ \t:#]*",
    re.I,
)
_ROLES: Mapping[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}


def read_prompt(path: str | Path) -> Prompt:
    """Read a prompt file.

    Raises:
        ConfigError: Naming the file and the line that is wrong.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"it is not UTF-8 ({error.reason})"
        raise ConfigError(f"prompt file {path} cannot be read: {reason}.") from error
    return parse_prompt(text, origin=str(path))


def parse_prompt(text: str, *, origin: str = "") -> Prompt:
    """Read a prompt from the text of a file.

    Args:
        text: In the form that this module's docstring tells.
        origin: Where it comes from, for error messages and `Prompt.origin`.

    Raises:
        ConfigError: Naming the origin and the line that is wrong.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    where = origin or "prompt text"
    match = _FRONT.match(text)
    if match is None:
        raise fault_at(where, 1, _no_front(text))
    front = Front.read(match[1], where)
    body = list(_sections(text[match.end() :], text.count("\n", 0, match.end()) + 1, where))
    variables, sections = front.variables(), tuple(section for section, _ in body)
    name, version, about = front.identity()
    if flaw := next(chain(identity_flaws(name, version, about), flaws(variables, sections)), None):
        if flaw.section is None:
            raise front.fault(flaw.message, *flaw.key)
        line = body[flaw.section][1] + sections[flaw.section].text.count("\n", 0, flaw.offset)
        raise fault_at(where, line, flaw.message)
    return Prompt(name, version, about=about, variables=variables, sections=sections, origin=origin)


def write_prompt(prompt: Prompt) -> str:
    """Write a prompt as `parse_prompt` reads it; values of `with_defaults` become defaults.

    Raises:
        ConfigError: If such a value is a list of documents or messages, which no file holds.
    """
    filled = dict(prompt.filled)
    variables = [
        replace(variable, default=filled.get(variable.name, variable.default)) for variable in prompt.variables
    ]
    front: dict[str, Any] = {"name": prompt.name, "version": prompt.version}
    if prompt.about:
        front["about"] = prompt.about
    if variables:
        front["variables"] = {variable.name: _fields(variable) for variable in variables}
    return f"---\n{front_text(front)}---\n" + "\n".join(map(_written, prompt.sections))


def _fields(variable: Variable) -> dict[str, Any]:
    fields: dict[str, Any] = {"kind": variable.kind, "about": variable.about, "layout": variable.layout}
    told = {name: value for name, value in fields.items() if value}
    return told if variable.default is REQUIRED else {**told, "default": variable.plain_default()}


def _written(section: Section) -> str:
    if section.role == "slot":
        return f"# {{{{{section.text}}}}}\n"
    lines = [f"\\{line}" if _NEARLY.fullmatch(line) else line for line in section.text.split("\n")]
    return "\n".join([f"# {section.role}", "", *lines, ""])


def _sections(body: str, first: int, where: str) -> Iterator[tuple[Section, int]]:
    """Give the sections, each with the line on which its text begins."""
    heading: re.Match[str] | None = None
    start, lines = first, list[str]()
    for number, line in enumerate([*body.split("\n"), None], start=first):
        match = None if line is None else _HEADING.fullmatch(line)
        if line is not None and match is None:
            lines.append(_as_text(line, number, where))
            continue
        empty = next((n for n, text in enumerate(lines) if text.strip(" \t")), len(lines))
        if heading:
            section = _section(heading, lines, where, start + empty)
            yield section, start - 1 if section.role == "slot" else start + empty
        elif empty < len(lines):
            raise fault_at(where, start + empty, "text before the first section: write # system or # user above it.")
        heading, start, lines = match, number + 1, []


def _section(heading: re.Match[str], lines: list[str], where: str, first: int) -> Section:
    if heading[1]:
        return Section(_ROLES[heading[1].lower()], "\n".join(lines))
    if any(text.strip(" \t") for text in lines):
        raise fault_at(where, first, f"text below the slot {heading[2]}, which takes none: begin a section above it.")
    return Section("slot", heading[2])


def _as_text(line: str, number: int, where: str) -> str:
    """Give a line that is no heading, without the backslash that says so."""
    match = _NEARLY.fullmatch(line)
    if match and not match[1]:
        advice = "write # system, # user, # assistant or # {{name}}, or \\ before it if it is text"
        raise fault_at(where, number, f"{line.strip()!r} is nearly a heading: {advice}.")
    return line[1:] if match else line


def _no_front(text: str) -> str:
    if text.startswith("---"):
        return "front matter begins here and has no end: write a line that is only --- below it."
    return "a prompt file begins with a line of ---, then name, version and variables, then a second line of ---."
