"""Questions, replies and the budget: no question is asked twice, and never more than were allowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, TypeAlias

from langchain_core.language_models.chat_models import BaseChatModel

from ragkit.errors import ContextLengthError, InputError, ModelError, OutputParseError
from ragkit.evaluate.blocks import at_least_one, worked
from ragkit.evaluate.chat import Ask, ChatModel, Reply
from ragkit.evaluate.judges.langchain import LangChainChat, plain_messages
from ragkit.evaluate.judges.recorded import RecordedModel, Replies
from ragkit.evaluate.optimise.candidates import Candidate
from ragkit.evaluate.optimise.scoring import TOO_LONG, UNREADABLE, Answer, TaskMeasure, compared, measured, value
from ragkit.evaluate.optimise.split import row_name
from ragkit.evaluate.outcome import Estimate, Unscored
from ragkit.evaluate.statistics.paired import Paired
from ragkit.evaluate.usage import Usage, usage_of
from ragkit.prompts.examples import Example
from ragkit.prompts.few_shot import FewShot

__all__ = ["Bench", "Till", "Values", "as_ask", "as_chat", "no_values"]

Values: TypeAlias = Callable[[Example], Mapping[str, Any]]  # Any: what the prompt's variables take
"""From a row to the values of further variables of the prompt, such as the documents a question is about."""

_OF_THE_PROMPT = (ContextLengthError, OutputParseError)  # failures that a better prompt would not have
_DEAD_AFTER_ROWS = 3
_SEED = 0  # of the marks around documents: the same question has the same words, and so the same address


def no_values(row: Example) -> Mapping[str, Any]:
    """Give nothing: the text of a row is all that its question needs."""
    return {}


class Till:
    """Asks models at most so many questions; what was asked once is remembered, failures included.

    What counts is the question, whoever answers it: of a recording that holds the replies of an earlier, broken off
    search each is one call again, so that the search goes on exactly as it would have gone.
    """

    def __init__(self, calls: int, *, workers: int = 1) -> None:
        """Open a till.

        Args:
            calls: Questions at most, at least 1.
            workers: Questions at the same time, at least 1.
        """
        at_least_one(calls=calls, workers=workers)
        self.left = calls
        """Questions that may still be asked."""
        self._workers = workers
        self._said: dict[str, Reply | ModelError] = {}

    @property
    def usage(self) -> Usage:
        """What the replies took, those of a recording included; differs from try to try."""
        return usage_of((), [reply for reply in self._said.values() if isinstance(reply, Reply)])

    def new(self, model: ChatModel, asks: Sequence[Ask]) -> dict[str, Ask]:
        """Give the questions that were never asked, by their address, in order."""
        keyed = ((ask.key(model.card), ask) for ask in asks)
        return {key: ask for key, ask in keyed if key not in self._said}

    def replies(self, model: ChatModel, asks: Sequence[Ask]) -> list[Reply | ModelError]:
        """Give what the model says to each question, or how it failed.

        Raises:
            InputError: If more of them are new than may be asked; none is asked then.
        """
        new = self.new(model, asks)
        if len(new) > self.left:
            raise InputError(f"{len(new)} new questions are more than the {self.left} calls that are left.")
        self.left -= len(new)

        def ask_one(block: Sequence[str]) -> int:
            (key,) = block
            self._said[key] = _reply(model, new[key])
            return 1

        # Closed by name: no thread may go on, and pay, when Ctrl-C ends the loop.
        with closing(worked([[key] for key in new], ask_one, self._workers)) as asked:
            for _ in asked:
                pass
        return [self._said[ask.key(model.card)] for ask in asks]


class Bench:
    """Asks candidates about the same rows, from the first on, and keeps what they said."""

    def __init__(
        self,
        till: Till,
        model: ChatModel,
        measure: TaskMeasure,
        rows: Sequence[Example],
        *,
        reader: FewShot[Any],
        values: Values = no_values,
        seed: int = 0,
    ) -> None:
        """Prepare rows.

        Args:
            till: Pays for the questions.
            model: Is asked.
            measure: What answers are worth.
            rows: With the outputs that are right.
            reader: Reads the outputs of the rows, as it reads replies.
            values: Of further variables, by row.
            seed: Of bootstrap and permutations.

        Raises:
            InputError: If the output of a row is not in the form that the builder reads.
        """
        self.till = till
        self._model = model
        self._measure = measure
        self._rows = rows
        self._further = values
        self._seed = seed
        self._gold = [_gold(reader, row, place) for place, row in enumerate(rows)]
        self._answers: dict[Candidate, list[Answer]] = {}
        self._answered = False
        self.calls: dict[Candidate, int] = {}
        """Questions that were first asked for this candidate; what others had asked before costs nothing."""

    @property
    def size(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    @property
    def candidates(self) -> list[Candidate]:
        """All that were asked, in order."""
        return list(self._answers)

    def values(self, candidates: Sequence[Candidate], rows: int) -> list[float]:
        """Measure each candidate on the first `rows` rows, asking what is not known; NaN where the model failed on all.

        Raises:
            InputError: As `ask`.
        """
        self.ask(candidates, rows)
        return [value(self._measure, self.answers(candidate, rows)) for candidate in candidates]

    def measured(self, candidate: Candidate) -> Estimate:
        """Give the measure of all that a candidate was asked about, with its interval."""
        return measured(self._measure, self.answers(candidate), seed=self._seed)

    def compared(self, before: Candidate, after: Candidate) -> Paired:
        """Compare two candidates on the rows that both were asked about."""
        rows = min(len(self.answers(before)), len(self.answers(after)))
        sides = (self.answers(candidate, rows) for candidate in (before, after))
        return compared(self._measure, *sides, seed=self._seed)

    def affordable(self, candidates: Sequence[Candidate], calls: int) -> int:
        """Give the most rows on which all of these can be measured with so many calls more."""
        known = [len(self.answers(candidate)) for candidate in candidates]
        costs = (sum(max(0, rows - asked) for asked in known) for rows in range(1, self.size + 1))
        return sum(cost <= calls for cost in costs)

    def ask(self, candidates: Sequence[Candidate], rows: int) -> None:
        """Ask each candidate about the first `rows` rows, where it was not asked yet.

        Raises:
            InputError: If the till does not hold so many calls; nothing is asked then.
            ModelError: If the model was asked about three rows at least, and failed on all.
        """
        work = [
            (candidate, place)
            for candidate in dict.fromkeys(candidates)
            for place in range(len(self._answers.get(candidate, ())), min(rows, len(self._rows)))
        ]
        asks = [self._question(candidate, place) for candidate, place in work]
        whole = [ask for ask in asks if ask is not None]
        self._count(work, asks, whole)
        said_to = self.till.replies(self._model, whole)
        self._check_the_model_lives(said_to, rows)
        replies = iter(said_to)
        for (candidate, place), ask in zip(work, asks, strict=True):
            said = TOO_LONG if ask is None else self._read(candidate, place, next(replies))
            self._answers.setdefault(candidate, []).append(Answer(said, self._gold[place]))

    def answers(self, candidate: Candidate, rows: int | None = None) -> list[Answer]:
        """Give what a candidate said of the first `rows` rows, or of all it was asked about."""
        return self._answers.get(candidate, [])[:rows]

    def _check_the_model_lives(self, said: Sequence[Reply | ModelError], rows: int) -> None:
        """Refuse to pay on for a model that was asked about some rows and never answered."""
        failures = [reply for reply in said if isinstance(reply, ModelError) and not isinstance(reply, _OF_THE_PROMPT)]
        self._answered |= len(failures) < len(said)
        if failures and not self._answered and rows >= _DEAD_AFTER_ROWS:
            raise ModelError(
                f"the model failed on all of the first {len(failures)} questions, so that nothing can be compared; "
                f"the first time with {type(failures[0]).__name__}."
            ) from failures[0]

    def _question(self, candidate: Candidate, place: int) -> Ask | None:
        row = self._rows[place]
        try:
            return as_ask(candidate.builder, row.input, self._further(row))
        except ContextLengthError:
            return None

    def _read(self, candidate: Candidate, place: int, reply: Reply | ModelError) -> Any:
        if isinstance(reply, ContextLengthError):
            return TOO_LONG
        if isinstance(reply, OutputParseError):
            return UNREADABLE
        if isinstance(reply, ModelError):
            return Unscored("the model failed")
        try:
            return candidate.builder.parse(reply.text, text=self._rows[place].input)
        except OutputParseError:
            return UNREADABLE

    def _count(self, work: Sequence[tuple[Candidate, int]], asks: Sequence[Ask | None], whole: Sequence[Ask]) -> None:
        new = set(self.till.new(self._model, whole))
        for (candidate, _), ask in zip(work, asks, strict=True):
            key = ask and ask.key(self._model.card)
            self.calls[candidate] = self.calls.get(candidate, 0) + (key in new)
            new.discard(key or "")


def as_ask(builder: FewShot[Any], text: str, values: Mapping[str, Any]) -> Ask:
    """Give a builder's question about a text as it is recorded: the same words each time.

    Raises:
        ContextLengthError: If it does not fit the builder's budget of tokens.
        InputError: If a variable is missing or unknown, or a message is more than text.
    """
    seeded = builder if builder.seed is not None else replace(builder, seed=_SEED)
    return Ask(messages=plain_messages(seeded.render(text, **values)), schema=builder.parser.schema)


def as_chat(model: ChatModel | BaseChatModel, replies: Replies | None = None) -> ChatModel:
    """Give whom to ask: a LangChain model is wrapped, and what a model says is kept in `replies`.

    Raises:
        InputError: If it is no chat model, or a LangChain model without a name whose replies are to be kept.
    """
    kind = type(model).__name__
    if isinstance(model, BaseChatModel):
        if replies is not None:
            raise InputError(
                f"replies are kept by the name of their model, and a {kind} may not tell all that decides what it "
                "says: pass LangChainChat(model, name=...)."
            )
        return LangChainChat(model, kind, cost=lambda usage: None)  # no price was named: unpriced, not free
    if not hasattr(model, "reply"):
        raise InputError(
            f"expected a LangChain chat model or a ragkit.evaluate.chat.ChatModel, got one of type {kind}; of a SPEC, "
            "ragkit.compose.evaluated_model makes one."
        )
    return model if replies is None else RecordedModel(replies, model)


def _reply(model: ChatModel, ask: Ask) -> Reply | ModelError:
    try:
        return model.reply(ask)
    except ModelError as error:
        return error


def _gold(builder: FewShot[Any], row: Example, place: int) -> Any:
    try:
        return builder.parse(row.output, text=row.input)
    except OutputParseError as error:
        name = row_name(row, place)
        raise InputError(f"the output of {name} is not in the form that the builder reads: {error}") from error
