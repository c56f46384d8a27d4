from __future__ import annotations

import pytest

from ragkit.errors import InputError
from ragkit.rank.topk import check_k, hit_key
from ragkit.types import Hit


def chunk(doc_id: str, number: int, score: float) -> Hit:
    return Hit(doc_id=doc_id, chunk_id=f"{doc_id}#{number}", score=score, rank=9)


def test_a_hit_is_known_by_its_chunk_id() -> None:
    assert hit_key(chunk("a", 1, 0.0)) == "a#1"


def test_a_hit_without_chunk_is_known_by_its_doc_id() -> None:
    assert hit_key(Hit(doc_id="a", score=0.0, rank=1)) == "a"


def test_k_below_1_is_refused() -> None:
    with pytest.raises(InputError, match=r"^k must be at least 1, got 0\.$"):
        check_k(0)


@pytest.mark.parametrize("k", [2.0, "3", True, None])
def test_a_k_that_is_no_whole_number_is_refused(k: int) -> None:
    with pytest.raises(InputError, match=r"^k must be a whole number, got .*: pass the number of hits wanted\.$"):
        check_k(k)
