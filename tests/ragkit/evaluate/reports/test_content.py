from __future__ import annotations

import pytest

from ragkit.errors import InputError
from ragkit.evaluate.reports.content import Curve, Table


def test_a_row_of_a_table_has_a_cell_for_each_column() -> None:
    with pytest.raises(
        InputError, match="row 2 of the table 'T' has 1 cells, expected 2: give one cell for each column"
    ):
        Table("T", ("a", "b"), (("x", 1), ("y",)))


def test_a_logarithmic_axis_has_no_place_for_zero() -> None:
    Curve("C", "x", "y", {"l": ((0.0, 1.0),)})
    with pytest.raises(InputError, match="the curve 'C' has a point at or below 0: log_x needs every x above 0"):
        Curve("C", "x", "y", {"l": ((0.0, 1.0),)}, log_x=True)
