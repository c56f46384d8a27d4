"""The result of a search as files: a prompt, its examples, and how they were found."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

from ragkit.disk.files import atomic_write
from ragkit.encoder import Encoder
from ragkit.errors import ConfigError, InputError, LoadError, shorten
from ragkit.evaluate.optimise.result import Optimised
from ragkit.prompts.examples import Example, examples_digest, read_examples, write_examples
from ragkit.prompts.few_shot import FewShot
from ragkit.prompts.file import read_prompt, write_prompt
from ragkit.prompts.selectors.given import FixedSelector, RandomSelector
from ragkit.prompts.selectors.marginal import MMRSelector
from ragkit.prompts.selectors.ngrams import NGramOverlapSelector
from ragkit.prompts.selectors.selector import Selector
from ragkit.prompts.selectors.similarity import SimilaritySelector
from ragkit.prompts.selectors.stratified import StratifiedSelector

__all__ = ["read_optimised", "write_optimised"]

T = TypeVar("T")
Card = Mapping[str, Any]
Make = Callable[[Sequence[Example], Card, Encoder | None], Selector]


class _Files(NamedTuple):
    """Where the result for one prompt is; a folder may hold those for others too."""

    prompt: Path
    examples: Path
    result: Path

    @classmethod
    def of(cls, folder: str | Path, name: str) -> Self:
        return cls(*(Path(folder) / f"{name}.{kind}" for kind in ("md", "examples.jsonl", "optimised.json")))


def write_optimised(found: Optimised[Any], folder: str | Path) -> None:
    """Write what a search found: `NAME.md` (the prompt), `NAME.examples.jsonl` and `NAME.optimised.json` (the trail).

    The folder, made if it is missing, can be given wherever ragkit takes a folder of prompts, and can hold others; a
    prompt of the same name in it is replaced.

    Raises:
        ConfigError: If the prompt holds values that no file can.
        InputError: If the selector has no examples of its own.
    """
    selector = found.best.selector
    examples = getattr(selector, "examples", None)
    if examples is None:
        raise InputError(f"the examples of a {type(selector).__name__} cannot be written: it shows none of its own.")
    prompt = write_prompt(found.best.prompt)
    document = json.dumps(found.as_dict(), ensure_ascii=False, indent=2, allow_nan=False)
    files = _Files.of(folder, found.best.prompt.name)
    files.prompt.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(files.prompt, prompt.encode())
    atomic_write(files.examples, write_examples(examples).encode())
    atomic_write(files.result, document.encode("utf-8", "backslashreplace") + b"\n")


def read_optimised(folder: str | Path, builder: FewShot[T], *, encoder: Encoder | None = None) -> FewShot[T]:
    """Give `builder` with the prompt and the examples that `write_optimised` wrote.

    Args:
        folder: Written for the same task.
        builder: What the search began with: its parser, layout, options and budget are kept.
        encoder: For examples chosen by their nearness to the text; the model that chose them in the search.

    Raises:
        LoadError: If a file is missing or was changed so that it cannot be read.
        ConfigError: If the prompt file is wrong, the selector is not one of ragkit's, or it needs an encoder and there
            is none, or another one.
    """
    files = _Files.of(folder, builder.prompt.name)
    card = _selector_card(files.result)
    prompt = read_prompt(files.prompt)
    examples = read_examples(files.examples)
    if examples_digest(examples) != card.get("sha256"):
        raise LoadError(str(files.examples), f"it does not hold the examples of {files.result.name}: write both again.")
    return builder.with_prompt(prompt).with_selector(_selector(examples, card, encoder))


def _selector_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_bytes())["selector"]
    except OSError as error:
        raise LoadError(str(path), f"{error.strerror}: was it written by an optimisation?") from error
    except (ValueError, KeyError, TypeError) as error:
        raise LoadError(str(path), "it does not say how examples are chosen: write it again.") from error
    if not isinstance(card, dict):
        raise LoadError(str(path), "it does not say how examples are chosen: write it again.")
    return card


def _selector(examples: Sequence[Example], card: Card, encoder: Encoder | None) -> Selector:
    kind = str(card.get("selector"))
    if kind not in _KINDS:
        known = ", ".join(_KINDS)
        raise ConfigError(f"a selector of kind {shorten(repr(kind))} cannot be made from its card: known are {known}.")
    if "model" in card and encoder is None:
        raise ConfigError(f"the examples are chosen by vectors of {shorten(card['model'])}: give it as encoder.")
    made = _KINDS[kind](examples, card, encoder if "model" in card else None)
    if made.card != card:
        raise ConfigError(
            f"these examples were chosen by {shorten(dict(card), 200)}, not by {shorten(made.card, 200)}."
        )
    return made


_KINDS: Mapping[str, Make] = {
    "fixed": lambda pool, card, _: FixedSelector(pool, show_same=card["show_same"]),
    "random": lambda pool, card, _: RandomSelector(pool, card["count"], seed=card["seed"], show_same=card["show_same"]),
    "similarity": lambda pool, card, encoder: SimilaritySelector(
        pool, encoder, card["count"], threshold=card["threshold"], show_same=card["show_same"]
    ),
    "mmr": lambda pool, card, encoder: MMRSelector(
        pool, encoder, card["count"], pool=card["nearest"], diversity=card["diversity"], show_same=card["show_same"]
    ),
    "n-gram overlap": lambda pool, card, _: NGramOverlapSelector(
        pool, card["count"], threshold=card["threshold"], show_same=card["show_same"]
    ),
    "stratified": lambda pool, card, encoder: StratifiedSelector(
        pool, card["per_label"], encoder=encoder, seed=card.get("seed", 0), show_same=card["show_same"]
    ),
}
