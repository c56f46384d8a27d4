"""The judge that a command line names: a detector that needs no model, or a chat model by its SPEC."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

from ragkit.errors import ConfigError, shorten

if TYPE_CHECKING:
    from ragkit.encoder import Encoder
    from ragkit.evaluate.chat import ChatModel
    from ragkit.evaluate.judge import Judge
    from ragkit.evaluate.judges.langchain import LangChainChat
    from ragkit.evaluate.runs import RunFolder

__all__ = ["JUDGES", "NamedJudge", "named_judge", "spent_in"]

JUDGES = "support, support+embedding, overlap, embedding, or a chat model (local:…, openai:…)"
"""What may be named, for the help of options."""

_MIDDLE = 0.5


class NamedJudge(NamedTuple):
    """A judge, and what a run must know of it."""

    judge: Judge
    """Its card is part of what makes a run this run."""
    threshold: float
    """Support below which something is unsupported."""
    source: str
    """Where the threshold was chosen."""
    chat: LangChainChat | None
    """The chat model behind the judge; None behind a detector."""
    workers: int
    """Questions to the chat model under way at once."""

    def in_run(self, run: RunFolder) -> Judge:
        """Give the judge for the work of a run: a chat model is asked nothing twice in it."""
        if self.chat is None:
            return self.judge
        from ragkit.evaluate.judges.recorded import RecordedModel

        return _chat_judge(RecordedModel(run.journal, self.chat), self.workers)


def named_judge(
    name: str,
    *,
    unit: Literal["sentence", "response"],
    encoder: Callable[[], Encoder | None],
    threshold: float | None = None,
    workers: int = 1,
) -> NamedJudge:
    """Make the judge of a name.

    Args:
        name: Of a detector, or the SPEC of a chat model.
        unit: What is one claim.
        encoder: Gives the embedding model of a detector that needs one.
        threshold: In place of the detector's own, or of the middle of a chat model's scale.
        workers: Questions to a chat model under way at once.

    Raises:
        ConfigError: If there is no such judge, or a chat model cannot be made of its SPEC.
    """
    from ragkit.evaluate.judges.detectors import DETECTORS, detector, detector_threshold

    if ":" in name:
        from ragkit.compose import evaluated_model

        chat = evaluated_model(name)
        own, source, judge = _MIDDLE, "the middle of the judge's scale", _chat_judge(chat, workers)
    elif name not in DETECTORS:
        raise ConfigError(f"there is no judge {shorten(repr(name))}: choose one of {JUDGES}.")
    else:
        chat, judge = None, detector(name, encoder() if "embedding" in name else None)
        own, source = detector_threshold(name, unit), "chosen on development data"
    if threshold is not None:
        own, source = threshold, "given"
    return NamedJudge(judge, own, source, chat, workers)


def spent_in(run: RunFolder, name: str) -> str:
    """Say what was asked of a chat model in a run, resumes included, and what it cost; empty where none was asked."""
    taken = run.usage()
    if not taken.calls:
        return ""
    questions = "1 question" if taken.calls == 1 else f"{taken.calls:,} questions"
    return f"{questions} to {name}: {taken.input_tokens:,} tokens in, {taken.output_tokens:,} out, {taken.cost}."


def _chat_judge(model: ChatModel, workers: int) -> Judge:
    from ragkit.evaluate.judges.chat import ChatJudge
    from ragkit.evaluate.judges.prompt import JudgePrompt
    from ragkit.settings import Settings

    return ChatJudge(model, JudgePrompt.load(folder=Settings.from_environment().prompts), workers=workers)
