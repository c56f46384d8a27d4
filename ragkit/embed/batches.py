"""Batches of texts of about one length, bounded by a number of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ragkit.embed.engines.engine import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ragkit.encoder import Vectors

__all__ = ["TextVector", "make_batch", "padded_width", "plan_batches"]

_COLUMNS = 8


class TextVector(NamedTuple):
    """What an encoder knows of a text."""

    vector: Vectors
    """Shape `(dim,)` float32, unit length."""
    tokens: int
    """Tokens of the whole text, so that one too long is told from a cache as well."""


def plan_batches(lengths: Sequence[int], *, token_budget: int) -> list[list[int]]:
    """Group rows so that rows x longest, padding included, stays within the budget; longest first.

    Every row is in exactly one group. A row longer than the budget is a group by itself. Rows of equal length
    keep their order, so that the same input always gives the same groups.
    """
    groups: list[list[int]] = []
    widest = 0
    for row in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if not groups or (len(groups[-1]) + 1) * widest > token_budget:
            groups.append([])
            widest = max(lengths[row], 1)
        groups[-1].append(row)
    return groups


def padded_width(length: int, max_tokens: int) -> int:
    """Give the columns for a row: the next multiple of 8, but at most `max_tokens`; at least one.

    An engine prepares code for every width it meets, milliseconds each time: so it meets few.
    """
    return max(length, min(-(-length // _COLUMNS) * _COLUMNS, max_tokens), 1)


def make_batch(
    rows: Sequence[int],
    texts: Sequence[str],
    ids: Sequence[Sequence[int]],
    *,
    prompt: str,
    pad_id: int,
    max_tokens: int,
) -> Batch:
    """Put the chosen rows side by side, padded on the right to the `padded_width` of the longest."""
    width = max(padded_width(len(ids[row]), max_tokens) for row in rows)
    padded = np.full((len(rows), width), pad_id, dtype=np.int32)
    mask = np.zeros((len(rows), width), dtype=np.int32)
    for line, row in enumerate(rows):
        padded[line, : len(ids[row])] = ids[row]
        mask[line, : len(ids[row])] = 1
    return Batch(texts=tuple(texts[row] for row in rows), prompt=prompt, ids=padded, mask=mask)
