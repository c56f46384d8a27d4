"""The search: candidates race on the rows of the search, and the winner meets the start on rows that nobody has seen.

    found = optimise(sentiment(), model, rows, instructions=[...], selections=random_sets(8, 4), calls=2_000)
    write_optimised(found, Path("prompts"))

1. Rows are split: a pool to show, rows to search on, held-out rows (`split.py`).
2. Half of the calls at most is set aside for the held-out rows; of a longer held-out part the first rows are taken.
3. A named model may write more instructions (`proposing.py`).
4. Instructions times choices of examples race by successive halving beside the start; where examples are also to be
   chosen greedily, half of the search's calls is kept for that, to go on from the one that won.
5. What is left of the search's calls measures the finalists on more rows. Of equal ones the earlier, the start first,
   stays: nothing is changed for nothing.
6. Winner and start are measured on the held-out rows, once. The winner is kept if it is better there at the level
   asked for; else the start is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from math import nan
from typing import Any, TypeVar

from langchain_core.language_models.chat_models import BaseChatModel

from ragkit.errors import InputError
from ragkit.evaluate.chat import ChatModel
from ragkit.evaluate.judges.recorded import Replies
from ragkit.evaluate.optimise.bench import Bench, Till, Values, as_chat, no_values
from ragkit.evaluate.optimise.candidates import Candidate, Greedy, Refused, Selection, candidates_of
from ragkit.evaluate.optimise.greedy import grown, race
from ragkit.evaluate.optimise.halving import Rung, halve
from ragkit.evaluate.optimise.proposing import Proposer, proposals
from ragkit.evaluate.optimise.result import HeldOut, Optimised, Trial
from ragkit.evaluate.optimise.scoring import UNREADABLE, TaskMeasure, measure_named
from ragkit.evaluate.optimise.split import Split, split_rows
from ragkit.evaluate.statistics.family import holm
from ragkit.prompts.examples import AnyExample, Example, as_examples
from ragkit.prompts.few_shot import FewShot

__all__ = ["optimise"]

T = TypeVar("T")

_HELD_OUT_SHARE = 4  # of the calls, for each of the start and the winner at most


def optimise(
    builder: FewShot[T],
    model: ChatModel | BaseChatModel,
    rows: Split | Iterable[AnyExample],
    *,
    calls: int,
    instructions: Sequence[str] = (),
    selections: Sequence[Selection | Greedy] = (),
    proposer: Proposer | None = None,
    measure: TaskMeasure | str | None = None,
    values: Values = no_values,
    level: float = 0.05,
    seed: int = 0,
    workers: int = 1,
    replies: Replies | None = None,
) -> Optimised[T]:
    """Search better words and better examples for a few-shot builder.

    Args:
        builder: The start, and what is kept where nothing is better.
        model: Is asked; any chat model of LangChain, wrapped in a `LangChainChat` that names it where its replies are
            kept or its cost is to be told.
        rows: Labelled rows, split by `split_rows`, or a split of yours.
        calls: Questions at most, to the model and the proposer together, failed ones included. A replay counts as it
            counted when it was asked. What the model does behind one question (a retry) is its own affair.
        instructions: Texts for the system section, with the slots that the builder's has, such as `{{labels}}`.
        selections: Ways to choose the examples, tried beside the builder's own, with every instruction; `Greedy` goes
            on from the best of these.
        proposer: A model that writes more instructions.
        measure: Or the name of one; None for the one that the builder names.
        values: Gives the values of further variables of a row, such as its documents.
        level: The winner is kept if the p of the paired difference on the held-out rows is at most this.
        seed: Of the split, of the draws and of the bootstrap.
        workers: Questions at the same time.
        replies: Where what the models say is kept, such as a `Journal`: a search that was broken off goes on there
            without paying twice, and comes to the same end. A question that failed is asked again.

    Returns:
        The same for the same arguments and replies, whatever `workers` is.

    Raises:
        InputError: If there is nothing to search, `level` is no share, `model` is none, a row's output is not what the
            builder reads, or the calls are too few to measure each candidate on one row.
        ConfigError: If there is no such measure.
        ModelError: If the model fails on all of the first questions.
    """
    if not 0 < level < 1:
        raise InputError(f"level must be between 0 and 1, got {level}.")
    if isinstance(instructions, str) or isinstance(selections, Selection | Greedy):
        raise InputError("instructions and selections are lists, got one alone: put it into brackets.")
    split = rows if isinstance(rows, Split) else split_rows(as_examples(rows), seed=seed)
    measure = measure if isinstance(measure, TaskMeasure) else measure_named(measure or builder.measure)
    till = Till(calls, workers=workers)
    at = partial(Bench, till, as_chat(model, replies), measure, reader=builder, values=values, seed=seed)
    bench, held_out = at(split.search), at(split.held_out[: max(1, calls // _HELD_OUT_SHARE)])
    proposed, unread = _proposed(proposer, builder, split.pool, till, replies, seed)
    plain = [selection for selection in selections if isinstance(selection, Selection)]
    candidates, refused = candidates_of(builder, [*instructions, *proposed], plain, split.pool)
    greedies = [selection for selection in selections if isinstance(selection, Greedy)]
    _check_there_is_something(len(candidates) - 1 + len(greedies), [*unread, *refused])
    winner = _searched(bench, candidates, greedies, split.pool, spare=2 * held_out.size, seed=seed)
    seen = _held_out(held_out, candidates[0], winner)
    improved = seen.difference.difference > 0 and seen.difference.p <= level
    return Optimised(
        best=winner.builder if improved else builder,
        winner=winner.builder,
        winner_name=winner.name,
        improved=improved,
        measure=measure.name,
        held_out=seen,
        trail=tuple(_trail(bench, candidates[0])),
        refused=(*unread, *refused),
        calls=calls - till.left,
        budget=calls,
        usage=till.usage,
    )


def _proposed(
    proposer: Proposer | None,
    builder: FewShot[Any],
    pool: Sequence[Example],
    till: Till,
    replies: Replies | None,
    seed: int,
) -> tuple[list[str], list[Refused]]:
    if proposer is None:
        return [], []
    return proposals(replace(proposer, model=as_chat(proposer.model, replies)), builder, pool, till, seed=seed)


def _check_there_is_something(others: int, refused: Sequence[Refused]) -> None:
    if not others:
        why = f"; the first was refused: {refused[0].why}" if refused else "."
        raise InputError(f"there is nothing to search: give instructions, selections or a proposer{why}")


def _searched(
    bench: Bench,
    candidates: Sequence[Candidate],
    greedies: Sequence[Greedy],
    pool: Sequence[Example],
    *,
    spare: int,
    seed: int,
) -> Candidate:
    """Give the best on the rows of the search, leaving `spare` calls in the till; the start where none is better."""
    start, *others = candidates
    first = max(0, bench.till.left - spare) // (2 if greedies else 1)
    best = race(bench, start, others, calls=first) if others else start
    finalists = [start, best]
    for place, greedy in enumerate(greedies):
        share = (bench.till.left - spare) // (len(greedies) - place)
        finalists.append(grown(best, greedy, pool, bench, calls=share, seed=seed + place))
    finalists = list(dict.fromkeys(finalists))
    rows = bench.affordable(finalists, bench.till.left - spare)
    return halve(finalists, [Rung(len(finalists), rows)], bench.values)[0]


def _held_out(bench: Bench, start: Candidate, winner: Candidate) -> HeldOut:
    bench.ask([start, winner], bench.size)
    return HeldOut(
        rows=bench.size,
        start=bench.measured(start),
        winner=bench.measured(winner),
        difference=bench.compared(start, winner),
    )


def _trail(bench: Bench, start: Candidate) -> list[Trial]:
    tried = list(dict.fromkeys([start, *bench.candidates]))
    pairs = [bench.compared(start, candidate) for candidate in tried]
    adjusted = [nan, *holm([pair.p for pair in pairs[1:]])]
    return [
        Trial(
            name=candidate.name,
            instruction=candidate.instruction,
            selection=candidate.selection,
            rows=len(answers := bench.answers(candidate)),
            calls=bench.calls.get(candidate, 0),
            score=bench.measured(candidate),
            difference=pair,
            p_adjusted=p,
            unreadable=sum(answer.said == UNREADABLE for answer in answers),
        )
        for candidate, pair, p in zip(tried, pairs, adjusted, strict=True)
    ]
