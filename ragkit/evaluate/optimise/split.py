"""Who sees which rows: those that may be shown, those that candidates are measured on, those that no choice sees."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from ragkit.errors import InputError, shorten
from ragkit.prompts.examples import Example

__all__ = ["SHARES", "Split", "row_name", "split_rows"]

SHARES = (0.4, 0.3, 0.3)
"""Of the rows, where nothing else is said: the pool, the rows of the search, the held-out ones."""


@dataclass(frozen=True, slots=True)
class Split:
    """Labelled rows in three parts; no text stands in two of them.

    Raises:
        InputError: If one does, white space and case set aside, or if the search or the held-out part is empty.
    """

    pool: tuple[Example, ...] = field(repr=False)
    """From here come the examples that are shown."""
    search: tuple[Example, ...] = field(repr=False)
    """On these candidates are compared, from the first on."""
    held_out: tuple[Example, ...] = field(repr=False)
    """On these the winner meets the start, once."""

    def __post_init__(self) -> None:
        parts = {"pool": self.pool, "search": self.search, "held-out": self.held_out}
        for name in ("search", "held-out"):
            if not parts[name]:
                raise InputError(f"the {name} part has no rows: give more rows, or larger shares.")
        seen: dict[str, str] = {}
        for name, rows in parts.items():
            for place, row in enumerate(rows):
                if (other := seen.setdefault(folded(row.input), name)) != name:
                    raise InputError(
                        f"the text of {row_name(row, place)} of the {name} part stands in the {other} too."
                    )


def row_name(row: Example, place: int) -> str:
    """Give how messages call a row, whose text is nobody else's business: by its id, else by its place from 1."""
    return f"row {shorten(row.id)}" if row.id else f"row #{place + 1}"


def folded(text: str) -> str:
    """Give the text by which two rows are the same: without case, white space squeezed."""
    return " ".join(text.casefold().split())


def split_rows(rows: Sequence[Example], *, seed: int = 0, shares: tuple[float, float, float] = SHARES) -> Split:
    """Deal rows out at random, each label in the same shares; rows with the same text stay together.

    Args:
        rows: In any order; the same rows in another order are dealt out otherwise.
        seed: Of the shuffle.
        shares: Of the pool, the rows of the search and the held-out ones; positive, but for the pool that may be 0.

    Returns:
        Each part shuffled, so that its first rows stand for all.

    Raises:
        InputError: If a share is negative, all are 0, or a part comes out empty that may not.
    """
    if min(shares) < 0 or not sum(shares) > 0:
        raise InputError(f"shares must be positive numbers, got {shares}.")
    dice = random.Random(seed)  # noqa: S311  # no secret
    groups: dict[str, list[Example]] = {}
    for row in rows:
        groups.setdefault(folded(row.input), []).append(row)
    drawn = list(groups.values())
    dice.shuffle(drawn)
    # Label by label: whoever is dealt cards of a sorted pack in turn has the same share of every suit.
    drawn.sort(key=lambda group: group[0].stratum)
    parts: tuple[list[Example], ...] = ([], [], [])
    for group in drawn:
        _least_filled(parts, shares).extend(group)
    for part in parts:
        dice.shuffle(part)
    return Split(*map(tuple, parts))


def _least_filled(parts: Sequence[list[Example]], shares: Sequence[float]) -> list[Example]:
    """Give the part that lacks most of what it should have after the next row; of equal ones the first."""
    dealt = sum(map(len, parts)) + 1
    lacking = [share / sum(shares) * dealt - len(part) for part, share in zip(parts, shares, strict=True)]
    return parts[lacking.index(max(lacking))]
