"""The front matter of a prompt file: YAML that is read strictly, and written as a person would write it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from ragkit.errors import ConfigError, shorten
from ragkit.prompts.variable import Variable

__all__ = ["Front", "fault_at", "front_text"]

_FIRST = 2  # the line after the first ---
_KEYS = ("name", "version", "about", "variables")
_FIELDS = ("kind", "about", "default", "layout")


@dataclass(frozen=True, slots=True)
class Front:
    """Front matter, and on which line each of its keys stands."""

    values: Mapping[str, Any]
    lines: Mapping[tuple[str, ...], int]
    where: str

    @classmethod
    def read(cls, text: str, where: str) -> Front:
        """Read what stands between the lines of `---`.

        Raises:
            ConfigError: If it is no YAML, no mapping, or says a key twice.
        """
        try:
            loader = _Loader(text)
            node = loader.get_single_node()
            values = loader.construct_document(node) if node else {}
        except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date such as 2024-13-45
            raise _yaml_fault(error, text, where) from error
        front = cls(values, {}, where) if isinstance(values, dict) else None
        if front is None:
            raise fault_at(where, _FIRST, f"front matter must be keys with values, got a {type(values).__name__}.")
        return replace(front, lines=dict(front._keys(node)))

    def line(self, *path: str) -> int:
        """Give the line of a key, or of the nearest one above it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, _FIRST)

    def variables(self) -> tuple[Variable, ...]:
        """Give the variables that are declared.

        Raises:
            ConfigError: If one of them makes no sense, or a key is unknown.
        """
        self._check_keys(self.values, _KEYS)
        declared = {} if self.values.get("variables") is None else self.values["variables"]
        if not isinstance(declared, dict):
            got = type(declared).__name__
            raise self.fault(f"variables must be names with kinds, such as question: text, got a {got}.", "variables")
        return tuple(self._variable(name, told) for name, told in declared.items())

    def identity(self) -> tuple[Any, Any, Any]:
        """Give name, version and about, which may still be anything."""
        for key in ("name", "version"):
            if key not in self.values:
                raise self.fault(f"front matter has no {key}: a prompt needs a name and a version.")
        about = self.values.get("about")
        return self.values["name"], self.values["version"], "" if about is None else about

    def _variable(self, name: Any, told: Any) -> Variable:
        told = {"kind": told} if isinstance(told, str) else told
        if not isinstance(told, dict) or "kind" not in told:
            raise self.fault(f"variable {shorten(name)} needs a kind, such as text.", "variables", str(name))
        self._check_keys(told, _FIELDS, "variables", str(name))
        try:
            return Variable(name, **told)
        except ConfigError as error:
            raise self.fault(str(error), "variables", str(name)) from error

    def _check_keys(self, values: Mapping[Any, Any], known: Sequence[str], *path: str) -> None:
        for key in values:
            if key not in known:
                message = f"unknown key {shorten(repr(key))}: expected one of {', '.join(known)}."
                raise self.fault(message, *path, str(key))

    def _keys(self, node: yaml.Node | None, *path: str) -> Iterator[tuple[tuple[str, ...], int]]:
        """Give the keys down to the fields of variables; YAML itself keeps the last of two that are the same."""
        seen: set[str] = set()
        for key, value in node.value if isinstance(node, yaml.MappingNode) and len(path) <= 2 else ():
            name, line = str(key.value), _FIRST + key.start_mark.line
            if name in seen:
                raise fault_at(self.where, line, f"front matter says {shorten(name)} twice: keep one.")
            seen.add(name)
            yield (*path, name), line
            yield from self._keys(value, *path, name)

    def fault(self, message: str, *path: str) -> ConfigError:
        """Make the error that blames a key."""
        return fault_at(self.where, self.line(*path), message)


def fault_at(where: str, line: int, message: str) -> ConfigError:
    """Make the error that blames a line, counted from 1."""
    return ConfigError(f"{where}:{line}: {message}")


def _yaml_fault(error: Exception, text: str, where: str) -> ConfigError:
    mark = getattr(error, "problem_mark", None)
    line = mark.line if mark else text.count("\n", 0, getattr(error, "position", 0))
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    advice = "put a text with : # { or [ in quotes, and indent with blanks, not tabs"
    return fault_at(where, _FIRST + line, f"front matter is no YAML ({problem}): {advice}.")


def front_text(front: Mapping[str, Any]) -> str:
    """Write front matter, without the lines around it."""
    written: str = yaml.dump(dict(front), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return written


class _Loader(yaml.SafeLoader):
    """Reads texts, decimal numbers and null: a label `no`, `on`, `12:30` or `2024-01-01` is what it looks like.

    It reads no aliases: a few lines of them can stand for more text than memory holds.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # PyYAML's types are not complete
            raise yaml.composer.ComposerError(None, None, "aliases are not read", mark)
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {}  # not the many forms that YAML 1.1 reads into plain words
for _kind, _form, _first in (
    ("null", r"(?:~|null|)$", ["~", "n", ""]),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    ("float", r"(?:[-+]?[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan)$", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(_form), list(_first))


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and everything where it stands."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _scalar(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    lines = text.split("\n")
    printable = all(line.isprintable() for line in lines)  # plain and single quotes read U+0085 as a line's end
    style = None if printable and len(lines) == 1 else "|" if printable and lines[0].strip() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _scalar)
