"""A chat model shown a few labelled examples, and strict readers of what it says.

An example is a user's turn with the assistant's turn after it. Which examples are shown is a plain function of the text
asked about, so a few-shot builder is used by passing its selection as `choose`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from importlib.resources import files
from typing import Any, Generic, Self, TypeAlias, TypeVar

from ragkit.encoder import Encoder
from ragkit.errors import ConfigError, ModelError
from ragkit.evaluate.chat import Ask, ChatModel, Message
from ragkit.evaluate.judges.recorded import RecordedModel, Replies
from ragkit.evaluate.measures.entities import Entity
from ragkit.evaluate.outcome import Unscored
from ragkit.evaluate.tasks.baselines import NearestNeighbours
from ragkit.evaluate.tasks.predictor import Item

__all__ = [
    "ENTITIES_SCHEMA",
    "Chooser",
    "FewShotChat",
    "instruction",
    "nearest_shots",
    "random_shots",
    "read_label",
    "read_mentions",
    "read_text",
    "show_mentions",
]

Said = TypeVar("Said")
Tokens: TypeAlias = tuple[str, ...]
Chooser: TypeAlias = Callable[[str], Sequence[Item[str, str]]]
"""From the text asked about to the examples to show, in order: the last stands next to the question."""

_QUOTES = "\"'`“”‘’"

ENTITIES_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "entities": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"text": {"type": "string"}, "type": {"type": "string"}},
                "required": ["text", "type"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["entities"],
    "additionalProperties": False,
}
"""What a model is to say of a sentence's entities."""


class FewShotChat(Generic[Said]):
    """Any chat model as a predictor of texts: an instruction, some examples, the text, and a strict reader.

    A sentence of tokens is a text as well, with blanks between them.
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        system: str,
        choose: Chooser,
        read: Callable[[str, str], Said | Unscored],
        schema: Mapping[str, Any] | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Put a predictor together.

        Args:
            model: Is asked once for each text; the runners put the run's recording before it.
            system: The instruction; `instruction` fills a packaged one.
            choose: Gives the examples for a text.
            read: From the text and the reply to what was said, or why it cannot be read.
            schema: JSON Schema of the reply; None for free text.
            about: What `choose` does, for the card.
        """
        self._model = model
        self._system = system
        self._choose = choose
        self._read = read
        self._schema = schema
        self._about = dict(about or {})

    @property
    def card(self) -> Mapping[str, Any]:
        """The model's card, the instruction, and how examples are chosen."""
        return {"predictor": "chat", "model": dict(self._model.card), "system": self._system, "shots": self._about}

    def ask(self, text: str) -> Ask:
        """Give what the model is asked about `text`."""
        messages = [Message("system", self._system)]
        for shot in self._choose(text):
            messages += [Message("user", shot.given), Message("assistant", shot.gold)]
        return Ask(messages=(*messages, Message("user", text)), schema=self._schema)

    def recorded(self, replies: Replies) -> Self:
        """Give the same predictor with a recording before its model: what it asks again costs nothing."""
        twin = copy(self)
        twin._model = RecordedModel(replies, self._model)
        return twin

    def predict(self, items: Sequence[str | Tokens]) -> list[Said | Unscored]:
        """Ask about each text; a model that fails, or a reply that cannot be read, leaves that text unscored."""
        return [self._one(item if isinstance(item, str) else " ".join(item)) for item in items]

    def _one(self, text: str) -> Said | Unscored:
        try:
            reply = self._model.reply(self.ask(text))
        except ModelError:
            return Unscored("the model failed")
        return self._read(text, reply.text)


def instruction(name: str, **fields: str) -> str:
    """Give a packaged instruction with its fields filled in.

    Args:
        name: `classify` (fields `what` and `labels`), `entities` (`types`) or `translate` (`source`, `target`).
        **fields: What its braces stand for.
    """
    text = (files("ragkit.evaluate.tasks") / "prompts" / f"{name}.v1.txt").read_text(encoding="utf-8")
    return text.strip().format(**fields)


def random_shots(pool: Sequence[Item[str, str]], count: int, *, seed: int = 0) -> Chooser:
    """Show the same examples for every text, drawn from the pool by the seed.

    Raises:
        ConfigError: If the pool holds fewer than `count`.
    """
    shots = random.Random(seed).sample(list(pool), _checked(count, pool))  # noqa: S311  # no secret

    def choose(_: str) -> Sequence[Item[str, str]]:
        return shots

    return choose


def nearest_shots(pool: Sequence[Item[str, str]], count: int, encoder: Encoder) -> Chooser:
    """Show the examples nearest to each text by cosine, the nearest last; one that has the very text is not shown.

    Raises:
        ConfigError: If the pool holds fewer than `count`.
    """
    if not _checked(count, pool):
        return lambda _: ()
    memory = NearestNeighbours(pool, encoder, neighbours=count + 1)

    def choose(text: str) -> Sequence[Item[str, str]]:
        others = [item for item, _ in memory.nearest([text])[0] if item.given != text]
        return others[:count][::-1]

    return choose


def _checked(count: int, pool: Sequence[Item[str, str]]) -> int:
    if not 0 <= count <= len(pool):
        raise ConfigError(f"{count} examples cannot be shown of a pool of {len(pool)}: expected from 0 to {len(pool)}.")
    return count


def read_text(_: str, reply: str) -> str | Unscored:
    """Take the reply as it is, without white space around it; an empty one says nothing."""
    return reply.strip() or Unscored("the reply is empty")


def read_label(labels: Sequence[str]) -> Callable[[str, str], str | Unscored]:
    """Make a reader that takes a label and nothing else; case, quotes and a full stop around it do not matter.

    Example:
        >>> read = read_label(["positive", "negative"])
        >>> read("a fine film", "Positive."), read("a fine film", "I think it is positive")
        ('positive', Unscored(reason='the reply is no label'))
    """
    known = {label.casefold(): label for label in labels}

    def read(_: str, reply: str) -> str | Unscored:
        word = reply.strip().rstrip(".").strip(_QUOTES).rstrip(".").strip().casefold()
        return known.get(word, Unscored("the reply is no label"))

    return read


def show_mentions(tokens: Tokens, entities: Sequence[Entity]) -> str:
    """Write entities as the JSON that `read_mentions` reads."""
    listed = [{"text": " ".join(tokens[start:end]), "type": kind} for start, end, kind in entities]
    return json.dumps({"entities": listed}, ensure_ascii=False)


def read_mentions(types: Sequence[str]) -> Callable[[str, str], tuple[Entity, ...] | Unscored]:
    """Make a reader of JSON as `ENTITIES_SCHEMA` says, for sentences whose tokens are parted by blanks.

    Each mention is the first run of tokens like it that no mention before it took. One that does not stand in the
    sentence is put behind its end, so that it counts as a wrong prediction.
    """
    known = {kind.casefold(): kind for kind in types}

    def read(text: str, reply: str) -> tuple[Entity, ...] | Unscored:
        try:
            listed = [(row["text"].split(), known[row["type"].casefold()]) for row in json.loads(reply)["entities"]]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return Unscored("the reply is not the JSON asked for")
        return _placed(text.split(), listed)

    return read


def _placed(tokens: Sequence[str], mentions: Sequence[tuple[list[str], str]]) -> tuple[Entity, ...]:
    free = [True] * len(tokens)
    found: list[Entity] = []
    for words, kind in mentions:
        size = max(1, len(words))
        fits = (
            start
            for start in range(len(tokens) - size + 1)
            if list(tokens[start : start + size]) == words and all(free[start : start + size])
        )
        start = next(fits, len(tokens) + len(found))
        free[start : start + size] = [False] * len(free[start : start + size])
        found.append(Entity(start, start + size, kind))
    return tuple(sorted(found))
