"""What a reader knows of one committed moment: how many rows count, which are alive, which pass a filter."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from ragkit.disk.fork import lock_of_threads
from ragkit.store import catalog

if TYPE_CHECKING:
    import sqlite3

    from numpy.typing import NDArray

    from ragkit.store.catalog import State
    from ragkit.store.conditions import Node

__all__ = ["Snapshot"]

_KEPT_MASKS = 16


class Snapshot:
    """One committed moment; never changes, so threads share it. Masks of filters are remembered."""

    def __init__(self, state: State, live: NDArray[np.bool_]) -> None:
        self.state = state
        self._live = live
        self._masks: OrderedDict[str, NDArray[np.bool_]] = OrderedDict()
        self._lock = lock_of_threads()

    @classmethod
    def read(cls, db: sqlite3.Connection, previous: Snapshot | None) -> Snapshot:
        """Give the moment that a transaction sees; `previous` again where nothing changed since."""
        state = catalog.read_state(db)
        if previous is not None and previous.state.sequence == state.sequence:
            return previous
        return cls(state, _live(db, state, previous))

    def mask(self, db: sqlite3.Connection, node: Node | None) -> NDArray[np.bool_]:
        """Give `(rows,)` bools: the live rows that pass.

        Args:
            db: In the transaction the snapshot was read in.
            node: From `where.parse`; None for all live rows.
        """
        if node is None:
            return self._live
        key = repr(node)  # not the node itself: 1 equals True, but not in a filter
        with self._lock:
            if (known := self._masks.get(key)) is not None:
                self._masks.move_to_end(key)
                return known
        mask = np.zeros(self.state.rows, dtype=np.bool_)
        mask[catalog.passing_rows(db, node)] = True
        with self._lock:
            self._masks[key] = mask
            if len(self._masks) > _KEPT_MASKS:
                self._masks.popitem(last=False)
        return mask


def _live(db: sqlite3.Connection, state: State, previous: Snapshot | None) -> NDArray[np.bool_]:
    """Give `(rows,)` bools; what is dead is read only where more died since, for its cost is linear in it."""
    live = np.ones(state.rows, dtype=np.bool_)
    known = previous.state if previous is not None else None
    if previous is None or known is None or known.sequence > state.sequence or _dead(known) != _dead(state):
        live[catalog.dead_rows(db)] = False
    else:
        live[: known.rows] = previous.mask(db, None)
    return live


def _dead(state: State) -> int:
    return state.rows - state.chunks
