"""Named entities: reading tags of one token each, and precision, recall and F1 of whole entities.

An entity is right when its first token, its last token and its type are. Tags are read as the script of CoNLL-2000 to
2003 (`conlleval`) reads them, so that any of IOB1, IOB2 and BIOES gives entities, and a tag that cannot follow the one
before it begins a new entity. WNUT-17 also counts each surface form once for the whole test set: "F1 (surface)".
Sources: Tjong Kim Sang and De Meulder, CoNLL 2003; Derczynski et al., WNUT 2017, section 5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ragkit.errors import InputError, shorten

__all__ = ["Entity", "EntityCounts", "TaggedSentence", "read_entities", "read_strict", "surface_f1", "write_tags"]

Numbers = NDArray[np.float64]
_OUTSIDE = "O"


class Entity(NamedTuple):
    """A run of tokens with a type: `tokens[start:end]`."""

    start: int
    """First token, from 0."""
    end: int
    """One past the last token."""
    type: str


def read_entities(tags: Sequence[str]) -> list[Entity]:
    """Read entities from tags as `conlleval` does, in order.

    Args:
        tags: `O`, or a letter of `BIES` with a type (`B-person`); a bare letter has the empty type.
            `[` and `]` of other scripts are not read.

    Raises:
        InputError: If a tag is none of these.

    Example:
        >>> read_entities(["B-person", "I-person", "O", "I-group"])
        [Entity(start=0, end=2, type='person'), Entity(start=3, end=4, type='group')]
    """
    found: list[Entity] = []
    start, before = 0, (_OUTSIDE, "")
    for place, tag in enumerate([*map(_split, tags), (_OUTSIDE, "")]):
        inside = before[0] != _OUTSIDE
        if inside and _begins(before, tag):
            found.append(Entity(start, place, before[1]))
        if tag[0] != _OUTSIDE and (not inside or _begins(before, tag)):
            start = place
        before = tag
    return found


def read_strict(tags: Sequence[str]) -> list[Entity]:
    """Read entities from IOB2 tags of which each must begin with `B-`; an `I-` without its `B-` is no entity.

    Raises:
        InputError: If a tag is no tag.

    Example:
        >>> read_strict(["I-person", "B-group", "I-person"])
        [Entity(start=1, end=2, type='group')]
    """
    found: list[Entity] = []
    for place, (letter, kind) in enumerate(map(_split, tags)):
        if letter == "B":
            found.append(Entity(place, place + 1, kind))
        elif letter == "I" and found and found[-1].end == place and found[-1].type == kind:
            found[-1] = found[-1]._replace(end=place + 1)
    return found


def write_tags(entities: Sequence[Entity], length: int) -> list[str]:
    """Write entities as IOB2 tags of a sentence of `length` tokens.

    Raises:
        InputError: If entities overlap or reach past the sentence.

    Example:
        >>> write_tags([Entity(0, 2, "person")], 3)
        ['B-person', 'I-person', 'O']
    """
    tags = [_OUTSIDE] * length
    for start, end, kind in sorted(entities):
        if not 0 <= start < end <= length or any(tag != _OUTSIDE for tag in tags[start:end]):
            raise InputError(f"entity {start}:{end} overlaps another or leaves the sentence of {length} tokens.")
        tags[start:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - start - 1)]
    return tags


def _split(tag: str) -> tuple[str, str]:
    letter, _, kind = tag.partition("-")
    if letter not in {"B", "I", "E", "S", _OUTSIDE} or (letter == _OUTSIDE and tag != _OUTSIDE):
        raise InputError(f"{shorten(repr(tag))} is no tag: expected O, or B-, I-, E- or S- with a type.")
    return letter, kind


def _begins(before: tuple[str, str], tag: tuple[str, str]) -> bool:
    """Say whether the entity that `before` is part of ends before `tag`."""
    return tag[0] in {"B", "S", _OUTSIDE} or before[0] in {"E", "S"} or tag[1] != before[1]


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """The entities of one sentence, as they are and as they were predicted."""

    tokens: tuple[str, ...]
    gold: frozenset[Entity]
    predicted: frozenset[Entity]

    def surfaces(self, entities: frozenset[Entity]) -> set[tuple[str, str]]:
        """Give text and type of entities of this sentence."""
        return {(" ".join(self.tokens[start:end]), kind) for start, end, kind in entities}


@dataclass(frozen=True, slots=True)
class EntityCounts:
    """Entities of each sentence by type: right, predicted and gold, shape `(sentences, types)` each."""

    types: tuple[str, ...]
    """Sorted; the order of the columns."""
    right: Numbers
    predicted: Numbers
    gold: Numbers

    @classmethod
    def of(cls, sentences: Sequence[TaggedSentence]) -> EntityCounts:
        """Count entities by sentence and type."""
        types = tuple(sorted({entity.type for row in sentences for entity in row.gold | row.predicted}))
        sides = (
            [row.gold & row.predicted for row in sentences],
            [row.predicted for row in sentences],
            [row.gold for row in sentences],
        )
        return cls(types, *(_by_type(side, types) for side in sides))

    def precision(self, weights: Numbers | None = None) -> Numbers:
        """Give precision over all types under weights `(draws, sentences)`: `(draws,)`; NaN without a prediction."""
        return _share(self._sum(self.right, weights), self._sum(self.predicted, weights))

    def recall(self, weights: Numbers | None = None) -> Numbers:
        """Give recall over all types under weights `(draws, sentences)`: `(draws,)`; NaN where there is no entity."""
        return _share(self._sum(self.right, weights), self._sum(self.gold, weights))

    def f1(self, weights: Numbers | None = None) -> Numbers:
        """Give F1 over all types (micro) under weights `(draws, sentences)`: `(draws,)`; NaN without any entity."""
        both = self._sum(self.predicted, weights) + self._sum(self.gold, weights)
        return _share(2.0 * self._sum(self.right, weights), both)

    def f1_by_type(self) -> dict[str, float]:
        """Give F1 of each type."""
        both = self.predicted.sum(axis=0) + self.gold.sum(axis=0)
        return dict(zip(self.types, _share(2.0 * self.right.sum(axis=0), both).tolist(), strict=True))

    @staticmethod
    def _sum(counts: Numbers, weights: Numbers | None) -> Numbers:
        by_sentence = counts.sum(axis=1)
        given = np.ones((1, len(by_sentence))) if weights is None else np.atleast_2d(weights)
        return np.asarray(given @ by_sentence)


def _by_type(sides: Sequence[frozenset[Entity]], types: Sequence[str]) -> Numbers:
    counted = [Counter(entity.type for entity in side) for side in sides]
    table = [[float(row[kind]) for kind in types] for row in counted]
    return np.asarray(table, dtype=np.float64).reshape(len(sides), len(types))


def surface_f1(sentences: Sequence[TaggedSentence]) -> float:
    """Give the F1 of distinct surface forms: each text with its type counts once for the whole set, as in WNUT-17.

    Text is compared as written. NaN where there is no entity. It has no bootstrap interval here: a resample of
    sentences holds fewer distinct forms than the set, so its values do not centre on this one.
    """
    gold = {form for row in sentences for form in row.surfaces(row.gold)}
    predicted = {form for row in sentences for form in row.surfaces(row.predicted)}
    return 2.0 * len(gold & predicted) / (len(gold) + len(predicted)) if gold or predicted else float("nan")


def _share(above: Numbers, below: Numbers) -> Numbers:
    out: Numbers = np.full(np.shape(above), np.nan)
    return np.divide(above, below, out=out, where=below > 0)
