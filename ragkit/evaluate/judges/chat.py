"""Any chat model as a judge, held to constrained JSON and asked as often as its agreement with itself is wanted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from ragkit.errors import ConfigError, ModelError, OutputParseError, shorten
from ragkit.evaluate.chat import Ask, ChatModel, Message
from ragkit.evaluate.judge import Claim
from ragkit.evaluate.judges.langchain import plain_messages
from ragkit.evaluate.judges.prompt import JudgePrompt
from ragkit.evaluate.judges.recorded import NotRecordedError
from ragkit.evaluate.outcome import Outcome, Unscored
from ragkit.evaluate.statistics.agreement import krippendorff_alpha

__all__ = ["ChatJudge", "Sampled", "SelfAgreement", "self_agreement"]


@dataclass(frozen=True, slots=True)
class Sampled:
    """What one claim came to over several samples."""

    samples: tuple[Outcome, ...]
    """One per sample, each from 0 to 1 or unscored."""

    @property
    def outcome(self) -> Outcome:
        """The mean of the samples that gave a verdict; the first reason where none did."""
        scored = [sample for sample in self.samples if not isinstance(sample, Unscored)]
        return math.fsum(scored) / len(scored) if scored else self.samples[0]

    @property
    def agreement(self) -> float:
        """Share of pairs of verdicts that are equal, from 0 to 1; NaN of fewer than two verdicts."""
        scored = [sample for sample in self.samples if not isinstance(sample, Unscored)]
        pairs = list(combinations(scored, 2))
        return sum(a == b for a, b in pairs) / len(pairs) if pairs else math.nan


class ChatJudge:
    """A chat model that says of each claim whether its evidence supports it.

    A reply that is no such JSON is asked again with the complaint. What still fails is `Unscored`: `the judge gave no
    valid JSON`, `the model failed: …`, or `not recorded`. Wrap the model in `RecordedModel` to pay for each question
    once.
    """

    def __init__(
        self,
        model: ChatModel,
        prompt: JudgePrompt | None = None,
        *,
        samples: int = 1,
        retries: int = 1,
        workers: int = 1,
    ) -> None:
        """Make a judge of a model.

        Args:
            model: Who is asked; safe from `workers` threads.
            prompt: What is asked; None takes `judge-support`.
            samples: How often each claim is asked, at least 1; worth more than 1 where the model samples.
            retries: How often a reply that cannot be read is asked again, at least 0.
            workers: How many questions are under way at once, at least 1.

        Raises:
            ConfigError: If a number is too small.
        """
        for name, value, least in (("samples", samples, 1), ("retries", retries, 0), ("workers", workers, 1)):
            if value < least:
                raise ConfigError(f"{name} must be at least {least}, got {value}.")
        self._model = model
        self._prompt = prompt or JudgePrompt.load()
        self._samples = samples
        self._retries = retries
        self._workers = workers

    @property
    def card(self) -> Mapping[str, Any]:
        """The model, the prompt, and how often it is asked."""
        return {
            "judge": "chat",
            "model": dict(self._model.card),
            "prompt": dict(self._prompt.card),
            "samples": self._samples,
            "retries": self._retries,
        }

    def judge(self, claims: Sequence[Claim]) -> list[Outcome]:
        """Give the mean verdict of each claim; see `sample` for how far the samples agree."""
        return [sampled.outcome for sampled in self.sample(claims)]

    def sample(self, claims: Sequence[Claim]) -> list[Sampled]:
        """Give every sample of every claim, in order."""
        asked = [(claim, sample) for claim in claims for sample in range(self._samples)]
        with ThreadPoolExecutor(self._workers) as pool:
            said = list(pool.map(self._verdict, asked))
        return [Sampled(tuple(said[at : at + self._samples])) for at in range(0, len(said), self._samples)]

    def _verdict(self, asked: tuple[Claim, int]) -> Outcome:
        claim, sample = asked
        messages = list(self._prompt.messages(claim))
        try:
            for _ in range(self._retries + 1):
                said = self._model.reply(Ask(messages=tuple(messages), schema=self._prompt.schema, sample=sample))
                try:
                    return self._prompt.read(said.text)
                except OutputParseError as error:
                    messages += self._complaint(error)
        except NotRecordedError:
            return Unscored("not recorded")
        except (ModelError, ConnectionError, TimeoutError) as error:
            return Unscored(f"the model failed: {shorten(error)}")
        return Unscored("the judge gave no valid JSON")

    def _complaint(self, error: OutputParseError) -> list[Message]:
        return [
            Message("assistant", error.raw_output),
            *plain_messages(self._prompt.again.render({"complaint": str(error)})),
        ]


@dataclass(frozen=True, slots=True)
class SelfAgreement:
    """How far a judge agrees with itself when it is asked again."""

    equal: float
    """Share of pairs of verdicts on one claim that are equal, averaged over claims, from 0 to 1; NaN of none."""
    alpha: float
    """Krippendorff's alpha of the samples (interval): 1 always the same, 0 as by chance; NaN where undefined."""
    claims: int
    """Claims with at least two verdicts, which alone say anything."""


def self_agreement(sampled: Sequence[Sampled]) -> SelfAgreement:
    """Compare the samples of each claim; show it beside the mean of a judge that samples."""
    shares = [one.agreement for one in sampled if not math.isnan(one.agreement)]
    longest = max((len(one.samples) for one in sampled), default=0)
    padded = [[*one.samples, *[Unscored("not asked")] * (longest - len(one.samples))] for one in sampled]
    raters = [[None if isinstance(said, Unscored) else said for said in rater] for rater in zip(*padded, strict=True)]
    equal = math.fsum(shares) / len(shares) if shares else math.nan
    return SelfAgreement(equal, krippendorff_alpha(raters, level="interval"), len(shares))
