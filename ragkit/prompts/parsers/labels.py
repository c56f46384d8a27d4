"""One label of a set, or several."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ragkit.errors import ConfigError, OutputParseError, shorten
from ragkit.prompts.parsers.reply import announced, only_block, unquoted, without_thoughts
from ragkit.prompts.parsers.strict import read_json

__all__ = ["LabelParser", "LabelsParser", "label_parser", "labels_parser", "texts_of"]

_HEADING = re.compile(
    r"\A(?:\*\*)?(?:answer|category|class|label|labels|mood|sentiment|topic)(?:\*\*)?\s*[:：](?:\*\*)?\s*",
    re.IGNORECASE,
)
_PARTS = re.compile(r"[;\n]")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+")


@dataclass(frozen=True, slots=True)
class LabelParser:
    """Takes a label of the set and nothing else; see `label_parser`."""

    labels: tuple[str, ...]
    _known: Mapping[str, str] = field(repr=False, compare=False)

    @property
    def schema(self) -> None:
        """None: a label is free text."""
        return None

    @property
    def held_schema(self) -> Mapping[str, Any]:
        """JSON Schema of an object with the label, for a model that is held to one whatever words it was asked in."""
        return _only("label", {"type": "string", "enum": list(self.labels)})

    def parse(self, reply: str, /, given: str | None = None) -> str:
        """Give the label.

        Raises:
            OutputParseError: If the reply is anything but a label of the set, bare or as `held_schema` says.
        """
        said = without_thoughts(reply)
        block = only_block(said)
        if block and len(said) == block.end - block.start:
            said = block.content.strip()
        label = self.known(said)
        if label is None and said.startswith("{"):
            label = self.known(_held(read_json(reply)))
        if label is None:
            raise OutputParseError(f"the reply is no label; expected one of {shorten(', '.join(self.labels))}", reply)
        return label

    def known(self, said: str) -> str | None:
        """Give the label that `said` names, whatever quotes, full stop or heading stand around it; None if none."""
        for _ in range(4):  # quotes in stars with a full stop and a heading: deeper is no plain reply
            if (label := self._known.get(_folded(said))) is not None:
                return label
            said = _HEADING.sub("", unquoted(said.strip().removesuffix(".").removesuffix("。").strip()), count=1)
        return None


def label_parser(labels: Sequence[str]) -> LabelParser:
    """Make a parser of one label; case, width of letters, quotes, a full stop and `Label:` before it do not matter.

    Args:
        labels: The set; at least two.

    Raises:
        ConfigError: If there are fewer, or two that differ in case alone.

    Example:
        >>> label_parser(["positive", "negative"]).parse('"Positive".')
        'positive'
    """
    return LabelParser(texts_of(labels), _by_folded(labels))


@dataclass(frozen=True, slots=True)
class LabelsParser:
    """Takes any number of labels of the set; see `labels_parser`."""

    labels: tuple[str, ...]
    none: str
    _one: LabelParser = field(repr=False, compare=False)

    @property
    def schema(self) -> Mapping[str, Any]:
        """An object with a list of labels: some servers hold models to objects only."""
        return _only("labels", {"type": "array", "items": {"type": "string", "enum": list(self.labels)}})

    def parse(self, reply: str, /, given: str | None = None) -> tuple[str, ...]:
        """Give the labels, each once, in the order of the set.

        Raises:
            OutputParseError: If the reply names anything but labels of the set.
        """
        said = without_thoughts(reply)
        parts = self._listed(reply) if _content(said).lstrip().startswith(("[", "{")) else self._split(said)
        if [_folded(part) for part in parts] == [_folded(self.none)]:
            return ()
        found = set()
        for part in parts:
            label = self._one.known(part)
            if label is None:
                wanted = shorten(", ".join(self.labels))
                raise OutputParseError(f"a part of the reply is no label; expected some of {wanted}", reply)
            found.add(label)
        return tuple(label for label in self.labels if label in found)

    def _listed(self, reply: str) -> list[str]:
        value = read_json(reply)
        if isinstance(value, dict) and value.keys() == {"labels"}:
            value = value["labels"]
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            raise OutputParseError("the reply is no JSON list of labels", reply)
        return value

    def _split(self, said: str) -> list[str]:
        if self._one.known(said) is None and _folded(said.removesuffix(".")) == _folded(self.none):
            return []
        lines = [_BULLET.sub("", line) for line in _PARTS.split(announced(said)) if line.strip()]
        # A label may hold a comma itself, so a whole line is tried first.
        return [part for line in lines for part in ([line] if self._one.known(line) else line.split(","))]


def labels_parser(labels: Sequence[str], *, none: str = "none") -> LabelsParser:
    r"""Make a parser of several labels: a JSON list, bare or under `labels`, or parted by `,`, `;` or lines.

    Args:
        labels: The set; at least two.
        none: What is said when no label fits.

    Raises:
        ConfigError: As `label_parser`, or if `none` is a label.

    Example:
        >>> labels_parser(["sport", "money", "art"]).parse("- Money\n- sport")
        ('sport', 'money')
    """
    one = label_parser(labels)
    if one.known(none) is not None:
        raise ConfigError(f"none={shorten(repr(none))} is a label as well: choose another word.")
    return LabelsParser(one.labels, none, one)


def texts_of(names: object) -> tuple[str, ...]:
    """Give a list of texts; nothing for anything else, such as one text, or a set, whose order no one knows."""
    given = tuple(names) if isinstance(names, Sequence) and not isinstance(names, str) else ()
    return given if all(isinstance(name, str) for name in given) else ()


def _content(said: str) -> str:
    block = only_block(said)
    return block.content if block else announced(said)


def _only(name: str, part: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: part}, "required": [name], "additionalProperties": False}


def _held(value: Any) -> str:
    label = value.get("label") if isinstance(value, dict) and len(value) == 1 else None
    return label if isinstance(label, str) else ""


def _by_folded(labels: Sequence[str]) -> dict[str, str]:
    if len(texts_of(labels)) < 2:
        raise ConfigError(f"a list of at least two labels is needed, got {shorten(repr(labels))}.")
    known: dict[str, str] = {}
    for label in labels:
        folded = _folded(label)
        if not folded or folded in known:
            raise ConfigError(f"the label {shorten(repr(label))} is empty or differs from another in case alone.")
        known[folded] = label
    return known


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
