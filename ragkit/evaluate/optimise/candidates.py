"""What is tried: instructions times ways to choose the examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ragkit.encoder import Encoder
from ragkit.errors import ConfigError, InputError, shorten
from ragkit.evaluate.blocks import at_least_one
from ragkit.prompts.examples import Example
from ragkit.prompts.few_shot import FewShot
from ragkit.prompts.selectors.given import FixedSelector, RandomSelector
from ragkit.prompts.selectors.marginal import MMRSelector
from ragkit.prompts.selectors.selector import Selector
from ragkit.prompts.selectors.similarity import SimilaritySelector
from ragkit.prompts.selectors.stratified import StratifiedSelector

__all__ = [
    "AS_IT_IS",
    "NO_EXAMPLES",
    "Candidate",
    "Greedy",
    "Refused",
    "Selection",
    "candidates_of",
    "diverse",
    "nearest",
    "no_examples",
    "random_sets",
    "stratified_sets",
]

AS_IT_IS = "as it is"
"""The instruction, or the choice of examples, that the builder came with."""

NO_EXAMPLES = "no examples"
"""The choice that shows none."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A builder that is measured. Each is itself alone, whatever it holds."""

    instruction: str
    """`AS_IT_IS`, or which of those given it is: `instruction 1` for the first."""
    selection: str
    """`AS_IT_IS`, or the name of its selection."""
    builder: FewShot[Any] = field(repr=False)

    @property
    def name(self) -> str:
        """Both, in words."""
        return AS_IT_IS if self.instruction == self.selection else f"{self.instruction}, {self.selection}"


@dataclass(frozen=True, slots=True)
class Selection:
    """A way to choose examples of a pool; any selector will do: `Selection("first two", lambda pool: …)`."""

    name: str
    """Unique in its search."""
    choose: Callable[[Sequence[Example]], Selector] = field(repr=False)
    """From the pool to a selector; called once in a search."""


@dataclass(frozen=True, slots=True)
class Greedy:
    """One example after the other, each the best of some that are tried; see `greedy.py`."""

    count: int
    """Examples added at most, at least 1."""
    tries: int = 8
    """Examples of the pool that are tried at each step, at least 1."""

    def __post_init__(self) -> None:
        at_least_one(count=self.count, tries=self.tries)


@dataclass(frozen=True, slots=True)
class Refused:
    """An instruction that was not tried."""

    instruction: str
    why: str


def no_examples() -> Selection:
    """Show none: what the instruction is worth alone."""
    return Selection(NO_EXAMPLES, lambda _: FixedSelector(()))


def random_sets(sets: int, count: int, *, seed: int = 0) -> list[Selection]:
    """Try sets of `count` examples each, drawn at random, the same for every text.

    This is the search of DSPy's `BootstrapFewShotWithRandomSearch` without its bootstrap: the rows have their outputs.

    Args:
        sets: At least 1.
        count: Examples in each, at least 1.
        seed: Of the first set; the next has the next seed.

    Raises:
        InputError: If a number is below 1.
    """
    at_least_one(sets=sets, count=count)
    return [
        _drawn(f"random {count}, seed {seed + place}", RandomSelector, count, seed + place) for place in range(sets)
    ]


def stratified_sets(sets: int, per_label: int, *, seed: int = 0) -> list[Selection]:
    """Try sets of `per_label` examples of each label, drawn at random, the same for every text.

    Args:
        sets: At least 1.
        per_label: At least 1.
        seed: Of the first set; the next has the next seed.

    Raises:
        InputError: If a number is below 1.
    """
    at_least_one(sets=sets, per_label=per_label)
    kind = StratifiedSelector
    return [_drawn(f"{per_label} a label, seed {seed + place}", kind, per_label, seed + place) for place in range(sets)]


def nearest(encoder: Encoder, count: int) -> Selection:
    """Show the `count` examples nearest to each text by cosine (kNN); every call shows others."""
    return Selection(f"nearest {count}", lambda pool: SimilaritySelector(pool, encoder, count))


def diverse(encoder: Encoder, count: int, *, diversity: float = 0.5) -> Selection:
    """Show `count` examples near to each text that do not repeat each other (MMR)."""
    return Selection(f"diverse {count}", lambda pool: MMRSelector(pool, encoder, count, diversity=diversity))


def candidates_of(
    builder: FewShot[Any], instructions: Sequence[str], selections: Sequence[Selection], pool: Sequence[Example]
) -> tuple[list[Candidate], list[Refused]]:
    """Give every instruction with every choice of examples, the builder as it is first; none twice.

    Args:
        builder: The start.
        instructions: Texts of a system section, with the slots that the builder's has (`{{labels}}`).
        selections: Tried beside the builder's own; one with the card of another is left out.
        pool: They choose from it.

    Returns:
        The candidates, and the instructions that are no words for this prompt, with the reason.

    Raises:
        InputError: If two selections have the same name, or there is no pool to choose from.
    """
    names = [selection.name for selection in selections]
    if twice := next((name for place, name in enumerate(names) if name in (AS_IT_IS, *names[:place])), None):
        raise InputError(f"two selections are called {shorten(repr(twice))}: give each a name of its own.")
    if selections and not pool:
        raise InputError("there is no pool to choose examples from: give a share of the rows to it.")
    worded, refused = _worded(builder, instructions)
    chosen = _distinct(builder.selector, selections, pool)
    made: list[Candidate] = []
    for words, variant in worded.items():
        made.append(Candidate(words, AS_IT_IS, variant))
        made += [Candidate(words, name, variant.with_selector(selector)) for name, selector in chosen.items()]
    return made, refused


def _distinct(own: Selector, selections: Sequence[Selection], pool: Sequence[Example]) -> dict[str, Selector]:
    """Give the selectors by name; one that chooses as another does would only take a place in the race."""
    cards = [own.card]
    chosen: dict[str, Selector] = {}
    for selection in selections:
        selector = selection.choose(pool)
        if selector.card not in cards:
            cards.append(selector.card)
            chosen[selection.name] = selector
    return chosen


def _worded(builder: FewShot[Any], instructions: Sequence[str]) -> tuple[dict[str, FewShot[Any]], list[Refused]]:
    worded, refused = {AS_IT_IS: builder}, []
    known = {builder.prompt.sha256}
    for place, text in enumerate(instructions, start=1):
        try:
            prompt = builder.prompt.with_instruction(text)
        except ConfigError as error:
            refused.append(Refused(text, str(error)))
            continue
        if prompt.sha256 in known:
            refused.append(Refused(text, "these words are tried already."))
            continue
        known.add(prompt.sha256)
        worded[f"instruction {place}"] = builder.with_prompt(prompt)
    return worded, refused


def _drawn(name: str, kind: Callable[..., Selector], count: int, seed: int) -> Selection:
    # The examples drawn, not the selector that draws them: what is written is what was shown.
    return Selection(name, lambda pool: FixedSelector(kind(pool, count, seed=seed).select("")))
