"""A chat model with a few-shot prompt as a predictor: the builders of `ragkit.prompts`, measured over a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, Generic, Self, TypeAlias, TypeVar

from ragkit.errors import ContextLengthError, ModelError, OutputParseError
from ragkit.evaluate.chat import Ask, ChatModel
from ragkit.evaluate.judges.langchain import plain_messages
from ragkit.evaluate.judges.recorded import RecordedModel, Replies
from ragkit.evaluate.measures.entities import Entity
from ragkit.evaluate.outcome import Unscored
from ragkit.evaluate.tasks.predictor import Item
from ragkit.prompts.examples import Example
from ragkit.prompts.few_shot import FewShot
from ragkit.prompts.parsers.entities import Mention, show_mentions

__all__ = ["FewShotChat", "as_entities", "entity_examples", "text_examples"]

Said = TypeVar("Said")
Tokens: TypeAlias = tuple[str, ...]


class FewShotChat(Generic[Said]):
    """Any chat model with a few-shot prompt as a predictor of texts.

    A sentence of tokens is a text as well, with blanks between them. The same text is asked about in the same words, so
    that a recording answers it.
    """

    def __init__(
        self,
        model: ChatModel,
        few_shot: FewShot[Any],
        *,
        said: Callable[[str, Any], Said] | None = None,
    ) -> None:
        """Put a predictor together.

        Args:
            model: Is asked once for each text; the runners put the run's recording before it.
            few_shot: Gives the messages for a text and reads the reply.
            said: From the text and what was read to what is predicted; None for what was read.
        """
        self._model = model
        self._few_shot = replace(few_shot, seed=few_shot.seed or 0)
        self._said = said

    @property
    def card(self) -> Mapping[str, Any]:
        """The model's card and the few-shot prompt's."""
        return {"predictor": "chat", "model": dict(self._model.card), "few_shot": dict(self._few_shot.card)}

    def ask(self, text: str) -> Ask:
        """Give what the model is asked about `text`.

        Raises:
            ContextLengthError: If the prompt has a budget, and the text alone is more.
        """
        return Ask(messages=plain_messages(self._few_shot.render(text)), schema=self._few_shot.parser.schema)

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
            read = self._few_shot.parse(reply.text, text=text)
        except OutputParseError:
            return Unscored("the reply cannot be read")
        except ContextLengthError:
            return Unscored("the prompt is too long")
        except ModelError:
            return Unscored("the model failed")
        said: Said = read if self._said is None else self._said(text, read)
        return said


def text_examples(items: Sequence[Item[str, str]]) -> list[Example]:
    """Give labelled texts, or texts with their translations, as examples."""
    return [Example(item.given, item.gold, id=item.id) for item in items]


def entity_examples(items: Sequence[Item[Tokens, tuple[Entity, ...]]]) -> list[Example]:
    """Give sentences of tokens as examples of texts whose entities are JSON."""
    return [Example(" ".join(item.given), _shown(item.given, item.gold), id=item.id) for item in items]


def as_entities(text: str, mentions: Sequence[Mention]) -> tuple[Entity, ...]:
    """Give mentions as entities of a sentence whose tokens are parted by blanks.

    Each mention is the first run of tokens like it that no mention before it took. One that does not stand in the
    sentence is put behind its end, so that it counts as a wrong prediction.
    """
    tokens = text.split()
    free = [True] * len(tokens)
    found: list[Entity] = []
    for mention in mentions:
        words = mention.text.split()
        size = max(1, len(words))
        fits = (
            start
            for start in range(len(tokens) - size + 1)
            if tokens[start : start + size] == words and all(free[start : start + size])
        )
        start = next(fits, len(tokens) + len(found))
        free[start : start + size] = [False] * len(free[start : start + size])
        found.append(Entity(start, start + size, mention.type))
    return tuple(sorted(found))


def _shown(tokens: Tokens, entities: Sequence[Entity]) -> str:
    return show_mentions([(" ".join(tokens[start:end]), kind) for start, end, kind in entities])
