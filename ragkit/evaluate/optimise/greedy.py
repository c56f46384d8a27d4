"""Races, and greedy forward selection of examples: the best first one, then the best second one beside it, and so on.

At each step `tries` examples of the pool race, each put behind those chosen before, and the winner is kept if it is
better than the set without it on the same rows; else the search ends. It begins with the examples of the start, where
those are the same for every text: of a task with many labels one example alone can do more harm than good.

A step costs at most its share of the calls, the calls left divided by the steps left; measured in full it would be
(tries + 1) * rows, and the reference is mostly known from the step before. Sets of k examples are never tried all: that
would be pool! / (pool - k)! of them.
Source: Whitney, A direct method of nonparametric measurement selection, IEEE Transactions on Computers 20, 1971.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from ragkit.evaluate.optimise.bench import Bench
from ragkit.evaluate.optimise.candidates import NO_EXAMPLES, Candidate, Greedy
from ragkit.evaluate.optimise.halving import halve, rungs
from ragkit.evaluate.optimise.split import row_name
from ragkit.prompts.examples import Example
from ragkit.prompts.selectors.given import FixedSelector

__all__ = ["grown", "race"]


def race(bench: Bench, reference: Candidate, challengers: Sequence[Candidate], *, calls: int) -> Candidate:
    """Give the winner of successive halving, or the reference where the winner is not better on the same rows.

    Args:
        bench: Measures.
        reference: Measured beside the challengers in every round.
        challengers: At least one.
        calls: To be spent at most.

    Raises:
        InputError: As `rungs`.
    """
    plan = rungs(len(challengers), bench.size, calls)
    winner, *_ = halve(challengers, plan, lambda left, rows: bench.values([reference, *left], rows)[1:])
    before, after = bench.values([reference, winner], plan[-1].rows)
    return winner if after > before else reference


def grown(
    start: Candidate, greedy: Greedy, pool: Sequence[Example], bench: Bench, *, calls: int, seed: int = 0
) -> Candidate:
    """Grow a set of examples.

    Args:
        start: Its instruction is taken, and its examples where they are the same for every text; else none.
        greedy: How many examples are added, and how many are tried for each.
        pool: Examples to try; those of a step are drawn from it by the seed, none twice in a set.
        bench: Measures.
        calls: To be spent at most.
        seed: Of the draws.

    Returns:
        The best set found; the start where no first example helped.
    """
    dice = random.Random(seed)  # noqa: S311  # no secret
    shows_the_same = isinstance(start.builder.selector, FixedSelector)
    best = start if shows_the_same else _showing(start, NO_EXAMPLES, ())
    for steps_left in range(greedy.count, 0, -1):
        share = calls // steps_left
        tried = _longer_by_one(best, pool, greedy.tries, dice)
        if not tried or share <= len(tried):
            break
        calls -= share
        ahead = race(bench, best, tried, calls=share)
        if ahead is best:
            break
        best = ahead
    return best


def _longer_by_one(best: Candidate, pool: Sequence[Example], tries: int, dice: random.Random) -> list[Candidate]:
    shown = best.builder.choose("")  # whatever the text is, they are the same
    free = [(place, example) for place, example in enumerate(pool) if example not in shown]
    drawn = dice.sample(free, min(tries, len(free)))
    return [
        _showing(best, f"{best.selection} + {row_name(example, place)}", [*shown, example]) for place, example in drawn
    ]


def _showing(start: Candidate, selection: str, examples: Sequence[Example]) -> Candidate:
    return Candidate(start.instruction, selection, start.builder.with_selector(FixedSelector(examples)))
