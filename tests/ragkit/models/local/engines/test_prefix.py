from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.models.local.engines.prefix import PrefixCache, shared


@dataclass(frozen=True)
class Block:
    nbytes: int


def test_the_longest_shared_beginning_is_found() -> None:
    cache: PrefixCache[Block] = PrefixCache(100)
    one, other = Block(10), Block(20)
    cache.put([1, 2, 3, 4], one)
    cache.put([1, 2, 9], other)
    assert cache.longest([1, 2, 3, 5, 6]) == (one, 3, False)
    assert cache.longest([1, 2, 9, 9]) == (other, 3, True)
    assert cache.longest([7]) is None
    assert cache.longest([]) is None


def test_token_ids_of_more_than_a_byte_keep_their_order() -> None:
    cache: PrefixCache[Block] = PrefixCache(100)
    kept = {tokens: Block(1) for tokens in ((255, 1), (256, 1), (65_536, 1), (2**31, 7))}
    for tokens, block in kept.items():
        cache.put(tokens, block)
    for tokens, block in kept.items():
        match = cache.longest([*tokens, 5])
        assert match is not None
        assert match.kept is block
        assert match.whole


def test_a_longer_sequence_stands_for_its_beginning() -> None:
    cache: PrefixCache[Block] = PrefixCache(100)
    cache.put([1, 2], Block(10))
    cache.put([1, 2, 3], longer := Block(12))
    cache.put([1], Block(5))
    assert len(cache) == 1
    assert cache.nbytes == 12
    assert cache.longest([1, 2]) == (longer, 2, False)


def test_what_is_taken_is_kept_no_longer() -> None:
    cache: PrefixCache[Block] = PrefixCache(100)
    cache.put([1, 2], block := Block(10))
    assert cache.take([1]) is None
    assert cache.take([1, 2]) is block
    assert cache.take([1, 2]) is None
    assert (cache.nbytes, len(cache)) == (0, 0)


def test_room_is_made_before_something_is_kept() -> None:
    cache: PrefixCache[Block] = PrefixCache(20)
    seen: list[int] = []
    for token in range(3):
        block = Block(8)
        weakref.finalize(block, lambda: seen.append(cache.nbytes))
        cache.put([token], block)
        del block
    cache.put([9], Block(20))
    assert seen == [8, 8, 0]


def test_the_least_recently_used_leave_first() -> None:
    cache: PrefixCache[Block] = PrefixCache(30)
    for start in (1, 2, 3):
        cache.put([start, 0], Block(10))
    cache.longest([1, 0])
    cache.put([2, 0], Block(10))
    cache.put([4, 0], Block(10))
    assert [start for start in (1, 2, 3, 4) if cache.longest([start])] == [1, 2, 4]


def test_what_is_larger_than_the_bound_is_not_kept_and_drives_nobody_out() -> None:
    cache: PrefixCache[Block] = PrefixCache(30)
    cache.put([1], small := Block(10))
    cache.put([1, 2], Block(31))
    assert cache.longest([1, 2]) == (small, 1, True)
    PrefixCache[Block](0).put([1], Block(1))


def test_clearing_frees_everything() -> None:
    cache: PrefixCache[Block] = PrefixCache(30)
    cache.put([1], Block(10))
    cache.clear()
    assert (cache.nbytes, len(cache), cache.longest([1])) == (0, 0, None)


def test_many_threads_keep_the_bound() -> None:
    cache: PrefixCache[Block] = PrefixCache(50)

    def work(seed: int) -> None:
        for step in range(200):
            cache.put([seed, step % 7, step % 3], Block(step % 20))
            if match := cache.longest([seed, step % 5]):
                cache.take([seed, match.length])
            assert cache.nbytes <= 50

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 <= cache.nbytes <= 50


def test_shared_counts_equal_beginnings() -> None:
    assert shared([1, 2, 3], [1, 2, 4, 5]) == 2
    assert shared([1, 2], [1, 2, 3]) == 2
    assert shared([], [1]) == 0


TOKENS = st.lists(st.sampled_from([0, 1, 256, 70_000]), min_size=1, max_size=6).map(tuple)


@given(
    kept=st.lists(st.tuples(TOKENS, st.integers(0, 12)), max_size=12),
    wanted=st.lists(TOKENS, min_size=1, max_size=5),
    bound=st.integers(0, 40),
)
@settings(max_examples=60, deadline=None)
def test_look_ups_agree_with_comparing_all_and_the_bound_holds(
    kept: list[tuple[tuple[int, ...], int]], wanted: list[tuple[int, ...]], bound: int
) -> None:
    cache: PrefixCache[Block] = PrefixCache(bound)
    mirror: dict[tuple[int, ...], Block] = {}  # in order of use
    for tokens, size in kept:
        block = Block(size)
        cache.put(tokens, block)
        over = next((known for known in mirror if known[: len(tokens)] == tokens), None)
        if over is not None:
            mirror[over] = mirror.pop(over)
        elif size <= bound:
            mirror = {known: of for known, of in mirror.items() if tokens[: len(known)] != known} | {tokens: block}
            while sum(of.nbytes for of in mirror.values()) > bound:
                mirror.pop(next(iter(mirror)))
        assert cache.nbytes == sum(of.nbytes for of in mirror.values()) <= bound
        assert len(cache) == len(mirror)
    for tokens in wanted:
        best = max((shared(tokens, known) for known in mirror), default=0)
        match = cache.longest(tokens)
        assert (match.length if match else 0) == best
        if match is not None:
            assert any(of is match.kept and shared(tokens, known) == best for known, of in mirror.items())
            assert match.whole == (tokens[:best] in mirror)
