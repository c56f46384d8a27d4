from __future__ import annotations

from collections.abc import Iterator, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.memory.fitting import in_time, most
from ragkit.memory.selection import Part


def part(seq: int, kind: str = "turn") -> Part:
    return Part(kind=kind, messages=(), seq=seq)  # type: ignore[arg-type]  # one of the three


def test_summaries_come_first_then_all_else_in_time() -> None:
    parts = [part(5), part(9, "summary"), part(2, "recalled"), part(4)]

    assert [one.seq for one in in_time(parts)] == [9, 2, 4, 5]


@given(st.integers(0, 40), st.integers(0, 50))
@settings(max_examples=50, deadline=None)
def test_the_longest_beginning_that_fits_is_found_by_few_looks(count: int, fit: int) -> None:
    read, looks = [0], [0]

    def source() -> Iterator[Sequence[Part]]:
        for place in range(count):
            read[0] += 1
            yield [part(place)]

    def fits(taken: Sequence[Sequence[Part]]) -> bool:
        looks[0] += 1
        return len(taken) <= fit

    assert len(most(source(), fits)) == min(count, fit)
    assert read[0] <= 2 * fit + 2
    assert looks[0] <= 2 * (fit + 2).bit_length() + 1
