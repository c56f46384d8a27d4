"""Labelled texts for few-shot tasks: classes (SST-2, AG News, Banking77), entities (WNUT-17), pairs (Multi30k)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from ragkit.errors import LoadError, shorten
from ragkit.evaluate.data.lines import bad_line, find_file, numbered_lines
from ragkit.evaluate.data.records import csv_records

__all__ = [
    "AG_NEWS_CLASSES",
    "SST2_CLASSES",
    "LabelledText",
    "TaggedSentence",
    "Translation",
    "ag_news",
    "banking77",
    "multi30k",
    "sst2",
    "tagged_sentences",
    "wnut17",
]

SST2_CLASSES = ("negative", "positive")
AG_NEWS_CLASSES = ("World", "Sports", "Business", "Sci/Tech")


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text and its class."""

    id: str
    """The line of the file, from 1."""
    text: str
    label: str


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """A sentence in tokens, each with its tag."""

    id: str
    """The line of the file where it begins, from 1."""
    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    """`O`, or `B-` (first token of an entity) or `I-` (a later one) and the kind of entity; as many as tokens."""


@dataclass(frozen=True, slots=True)
class Translation:
    """A sentence and how a person translated it."""

    id: str
    """The line of both files, from 1."""
    source: str
    target: str


def sst2(path: Path) -> Iterator[LabelledText]:
    """Stream SST-2: `sentence TAB 0|1`, with or without a header; the classes are `SST2_CLASSES`.

    Raises:
        LoadError: With the line's number, if a line has another form.
    """
    for number, line in numbered_lines(path):
        text, tab, label = line.rpartition("\t")
        if not line or (number == 1 and label.strip() == "label"):
            continue
        if not tab or label.strip() not in {"0", "1"}:
            raise bad_line(path, number, f"expected `sentence TAB 0` or `1`, got {shorten(line)!r}.")
        yield LabelledText(str(number), text, SST2_CLASSES[int(label)])


def ag_news(path: Path) -> Iterator[LabelledText]:
    r"""Stream AG News: CSV rows of class (1 to 4), title and description; the classes are `AG_NEWS_CLASSES`.

    Title and description are joined by a blank; the backslashes that stand for line breaks in the file become blanks.

    Raises:
        LoadError: With the line's number, if a row has another form.
    """
    for number, record in enumerate(csv_records(path, columns=("class", "title", "description")), start=1):
        label = record.whole("class")
        if not 1 <= label <= len(AG_NEWS_CLASSES):
            raise record.error(f"the class must be 1 to 4, got {label}.")
        text = f"{record.text('title')} {record.text('description')}".replace("\\", " ")
        yield LabelledText(str(number), text, AG_NEWS_CLASSES[label - 1])


def banking77(path: Path) -> Iterator[LabelledText]:
    """Stream Banking77: CSV rows of text and intent, such as `card_arrival`, below a header; ids count the rows from 1.

    Raises:
        LoadError: With the line's number, if a row has another form.
    """
    for number, record in enumerate(csv_records(path), start=1):
        yield LabelledText(str(number), record.text("text"), record.text("category"))


def tagged_sentences(path: Path) -> Iterator[TaggedSentence]:
    """Stream CoNLL columns: `token TAB tag` per line, sentences divided by empty lines.

    Raises:
        LoadError: With the line's number, if a line has no tag, or a tag is none of `O`, `B-…` and `I-…`.
    """
    tokens: list[str] = []
    tags: list[str] = []
    begin = 1
    for number, line in numbered_lines(path):
        if line.strip():
            token, _, tag = line.rpartition("\t")
            if not token or not (tag == "O" or tag.startswith(("B-", "I-"))):
                reason = "expected `token TAB tag`, the tag being O, B-kind or I-kind"
                raise bad_line(path, number, f"{reason}, got {shorten(line)!r}.")
            begin = begin if tokens else number
            tokens.append(token)
            tags.append(tag)
        elif tokens:
            yield TaggedSentence(str(begin), tuple(tokens), tuple(tags))
            tokens, tags = [], []
    if tokens:
        yield TaggedSentence(str(begin), tuple(tokens), tuple(tags))


_WNUT17 = {"train": "wnut17train.conll", "dev": "emerging.dev.conll", "test": "emerging.test.annotated"}


def wnut17(folder: Path, split: str = "test") -> Iterator[TaggedSentence]:
    """Stream a part of WNUT-17 (`train`, `dev` or `test`) under the names of its release.

    Raises:
        LoadError: If there is no such part, or as `tagged_sentences` says.
    """
    return tagged_sentences(_part(folder, split, _WNUT17.get(split)))


def multi30k(
    folder: Path, split: str = "test_2016_flickr", *, source: str = "en", target: str = "de"
) -> Iterator[Translation]:
    """Stream a part of Multi30k: the files `<split>.<language>`, line beside line.

    Raises:
        LoadError: If a file is missing, or one has more lines than the other.
    """
    paths = [_part(folder, split, f"{split}.{language}") for language in (source, target)]
    for left, right in zip_longest(*map(numbered_lines, paths)):
        if left is None or right is None:
            number = (left or right)[0]
            reason = f"this line has no partner: {paths[0].name} and {paths[1].name} must have as many lines."
            raise bad_line(paths[1] if left is None else paths[0], number, reason)
        yield Translation(str(left[0]), left[1], right[1])


def _part(folder: Path, split: str, name: str | None) -> Path:
    path = find_file(folder, name) if name else None
    if path is None:
        there: Sequence[str] = sorted(file.name for file in folder.glob("*.*")) if folder.is_dir() else []
        raise LoadError(str(folder), f"has no part {split!r}; it holds {shorten(', '.join(there) or 'nothing', 200)}.")
    return path
