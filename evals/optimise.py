"""Prompt optimisation: what does a search find, what is left of it on rows nobody saw, and how often does it boast?

    python -m evals.optimise --data ../shared/data
    python -m evals.optimise sst2 --model openai:gpt-4.1-mini --calls 1500 --workers 8 --out runs

    sst2        sentiment of film reviews; pool: 1,000 of the training part; search: 400 of dev; held-out: 600 of test
    banking77   77 intents; pool: 1,500 of the training part, search: 400 others of it; held-out: 600 of test
    chance      no prompt is better than another: how often does a search claim that one is?

Without `--model`, the model is a small one that needs no key and does read what it is sent: it labels by a vote of the
examples in its messages, weighed by their cosine to the text, and of the labels' meanings, as far as its instruction
has a line on them (`positive: This is a good film.`); else a label means its own words. So both examples and words can
help it, and words that say nothing to it cannot.

`--out DIR` keeps, for each set, all replies and the prompt that was found; run again, it asks nothing twice.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import ConfigDict, Field
from rich.console import Console

from evals.choosing import add_model_option, chat_model
from ragkit.embed.encoder import SentenceEncoder
from ragkit.embed.tokens import TruncationWarning
from ragkit.encoder import Encoder
from ragkit.errors import ConfigError, RagkitError
from ragkit.evaluate.chat import Ask, ChatModel, Reply
from ragkit.evaluate.data.labelled import SST2_CLASSES, LabelledText, banking77, sst2
from ragkit.evaluate.journal import Journal
from ragkit.evaluate.judges.langchain import LangChainChat
from ragkit.evaluate.optimise.candidates import (
    Greedy,
    Selection,
    diverse,
    nearest,
    no_examples,
    random_sets,
    stratified_sets,
)
from ragkit.evaluate.optimise.folder import write_optimised
from ragkit.evaluate.optimise.search import optimise
from ragkit.evaluate.optimise.split import Split, folded
from ragkit.evaluate.reports.content import Cell, Interval, Report, Table
from ragkit.evaluate.reports.terminal import print_report
from ragkit.evaluate.statistics.estimate import estimate
from ragkit.prompts.examples import Example
from ragkit.prompts.few_shot import FewShot
from ragkit.prompts.selectors.nearness import RememberingEncoder
from ragkit.prompts.tasks.sentiment import sentiment
from ragkit.prompts.tasks.topic import topic
from ragkit.settings import Settings

__all__ = ["SETS", "VotingChatModel", "instructions_of", "main"]

_SEED = 0
_SEARCHES = 200
_LETTERS = tuple("abcdefghij")


class VotingChatModel(BaseChatModel):
    """Labels a text by what its messages say: examples vote with their cosine, and so do the meanings of labels."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    labels: tuple[str, ...]
    encoder: Any = Field(exclude=True, repr=False)  # Any: pydantic cannot check a Protocol

    @property
    def _llm_type(self) -> str:
        return "voting"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        rules = "\n".join(message.text for message in messages if isinstance(message, SystemMessage))
        *turns, question = [message for message in messages if not isinstance(message, SystemMessage)]
        shown = [
            (_asked(user.text), said.text)
            for user, said in pairwise(turns)
            if isinstance(user, HumanMessage) and isinstance(said, AIMessage)
        ]
        voters = [(_meaning(label, rules), label) for label in self.labels] + shown
        rows = self.encoder.encode_documents([_asked(question.text), *(text for text, _ in voters)])
        votes = dict.fromkeys(self.labels, 0.0)
        for cosine, (_, label) in zip((rows[1:] @ rows[0]).tolist(), voters, strict=True):
            votes[label] += cosine
        best = max(self.labels, key=lambda label: votes[label])
        return ChatResult(generations=[ChatGeneration(message=AIMessage(best))])


def _asked(turn: str) -> str:
    """Give the text of a turn such as `Text: a fine film⏎Mood:`."""
    return turn.partition(": ")[2].rpartition("\n")[0]


def _meaning(label: str, rules: str) -> str:
    line = re.search(rf"^{re.escape(label)}: (.+)$", rules, re.MULTILINE)
    return line[1] if line else label.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Task:
    """A labelled set in three parts, and where the search begins."""

    title: str
    split: Split
    builder: FewShot[str]
    labels: tuple[str, ...]
    shown: int
    """Examples in the sets that are tried."""
    per_label: int


def film_reviews(data: Path) -> Task:
    """Sentiment: SST-2."""
    parts = [data / "sst2" / f"{part}.tsv" for part in ("train", "dev", "test")]
    drawn = [_drawn(list(sst2(path)), count) for path, count in zip(parts, (1_000, 400, 600), strict=True)]
    return Task("SST-2", _parted(*drawn), sentiment(labels=SST2_CLASSES), SST2_CLASSES, 8, 4)


def intents(data: Path) -> Task:
    """Intents: Banking77."""
    train, test = (list(banking77(data / "banking77" / f"{part}.csv")) for part in ("train", "test"))
    drawn = _drawn(train, 1_900)
    labels = tuple(sorted({row.label for row in train}))
    split = _parted(drawn[:1_500], drawn[1_500:], _drawn(test, 600))
    return Task("Banking77", split, topic(labels), labels, 16, 1)


SETS = {"sst2": film_reviews, "banking77": intents}
"""By name: from the folder of data to a task."""


def _drawn(rows: Sequence[LabelledText], count: int) -> list[Example]:
    some = random.Random(_SEED).sample(list(rows), min(count, len(rows)))  # noqa: S311  # no secret
    return [Example(row.text, row.label, id=row.id) for row in some if row.text.strip()]


def _parted(*parts: Sequence[Example]) -> Split:
    """Leave out a text that an earlier part, or the same, has already."""
    seen: set[str] = set()
    kept: list[tuple[Example, ...]] = []
    for part in parts:
        new = {text: row for row in part if (text := folded(row.input)) not in seen}
        seen |= new.keys()
        kept.append(tuple(new.values()))
    return Split(*kept)


def instructions_of(name: str) -> list[str]:
    """Give the instructions that are tried on a set: parts of `evals/instructions/NAME.md` between lines of `---`."""
    text = (Path(__file__).parent / "instructions" / f"{name}.md").read_text(encoding="utf-8")
    return [part.strip() for part in re.split(r"^---$", text, flags=re.MULTILINE)]


def searched(name: str, given: argparse.Namespace, model: ChatModel | None, folder: Path) -> Report:
    """Search, keep what was found in `folder`, and tell of it."""
    task = SETS[name](given.data)
    encoder = _remembering(task)
    asked = model or LangChainChat(VotingChatModel(labels=task.labels, encoder=encoder), name="voting-minilm")
    folder.mkdir(parents=True, exist_ok=True)
    with Journal(folder / "replies.jsonl") if model else nullcontext(None) as journal:
        found = optimise(
            task.builder,
            asked,
            task.split,
            calls=given.calls,
            instructions=instructions_of(name),
            selections=_selections(task, encoder),
            seed=_SEED,
            workers=given.workers,
            replies=journal,
        )
    write_optimised(found, folder / "prompts")
    return found.report(task.title)


def _selections(task: Task, encoder: Encoder) -> list[Selection | Greedy]:
    return [
        no_examples(),
        *random_sets(3, task.shown),
        *stratified_sets(2, task.per_label),
        nearest(encoder, task.shown),
        diverse(encoder, task.shown),
        Greedy(4, tries=6),
    ]


def _remembering(task: Task) -> Encoder:
    """Give an encoder that embeds each text of the set once, for the model and the selectors alike."""
    encoder = SentenceEncoder.load()
    texts = [row.input for part in (task.split.pool, task.split.search, task.split.held_out) for row in part]
    rules = ["", *(text for name in SETS for text in instructions_of(name))]
    texts += [_meaning(label, text) for label in task.labels for text in rules]
    texts = list(dict.fromkeys(texts))
    return RememberingEncoder(encoder, dict(zip(texts, encoder.encode_documents(texts), strict=True)))


class CoinModel:
    """Is right about seven texts of ten, whatever the prompt says: which seven depends on all of its words."""

    def __init__(self, seed: int) -> None:
        self.card: Mapping[str, Any] = {"name": "coin", "seed": seed}

    def reply(self, ask: Ask) -> Reply:
        """Give the right label, with which the text begins, or another."""
        chance, other, *_ = bytes.fromhex(ask.key(self.card))
        right = _LETTERS.index(_asked(ask.messages[-1].content)[0])
        off = 0 if chance < 0.7 * 256 else 1 + other % (len(_LETTERS) - 1)
        return Reply(text=_LETTERS[(right + off) % len(_LETTERS)])


def boasts(searches: int = _SEARCHES) -> Report:
    """Search where there is nothing to find: what does the trail promise, and how often is it claimed?"""
    columns = ("measure", "better on the rows of the search", "on held-out rows", "searches that claim it is better")
    rows = tuple(_boasts_by(measure, searches) for measure in ("accuracy", "macro_f1"))
    note = "At a level of 5 %, two-sided, 2.5 % of the searches may claim it."
    return Report("Nothing to find", f"{searches} searches of 17 candidates.", (), (Table("", columns, rows, note),))


def _boasts_by(measure: str, searches: int) -> tuple[Cell, ...]:
    rows = [Example(f"{label} {place}", label) for place in range(20) for label in _LETTERS]
    found = [
        optimise(
            topic(_LETTERS),
            CoinModel(seed),
            rows,
            calls=600,
            instructions=[f"{number}: {{{{labels}}}}" for number in range(8)],
            selections=random_sets(1, 2),
            measure=measure,
            seed=seed,
        )
        for seed in range(searches)
    ]
    promised = [trial.difference.difference for one in found for trial in one.trail if trial.name == one.winner_name]
    held = estimate([one.held_out.difference.difference for one in found])
    claims = estimate([float(one.improved) for one in found])
    gains = (Interval(one.value, one.low, one.high, signed=True) for one in (estimate(promised), held))
    return (measure, *gains, Interval(claims.value, claims.low, claims.high))


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, then search each set and print what was found."""
    known = [*SETS, "chance"]
    parser = argparse.ArgumentParser(prog="python -m evals.optimise", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("sets", nargs="*", default=known, help=", ".join(known))
    parser.add_argument("--data", type=Path, default=Settings.from_environment().data, metavar="DIR")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keeps replies and prompts; resumed if they are there")
    parser.add_argument("--calls", type=int, default=6_000, help="questions to the model at most, for each set")
    parser.add_argument("--workers", type=int, default=1, help="questions to a chat model at the same time")
    add_model_option(parser)
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore", TruncationWarning)
    try:
        if unknown := [name for name in given.sets if name not in known]:
            raise ConfigError(f"there is no set {unknown[0]!r}: known are {', '.join(known)}.")
        model = chat_model(given.model) if given.model else None
        with tempfile.TemporaryDirectory(prefix="ragkit-optimise-") as scratch:
            for name in given.sets:
                folder = (given.out or Path(scratch)) / name
                report = boasts() if name == "chance" else searched(name, given, model, folder)
                print_report(report, {}, Console(width=150))
    except RagkitError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
