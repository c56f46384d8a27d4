"""Plain text, an answer or none, a list."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from ragkit.errors import ConfigError, OutputParseError, shorten
from ragkit.prompts.parsers.reply import announced, only_block, without_thoughts
from ragkit.prompts.parsers.strict import read_json

__all__ = ["AnswerParser", "ListParser", "TextParser", "answer_parser", "list_parser", "text_parser"]

_ITEM = re.compile(r"(?:(?:(?P<number>\d{1,4})[.)]|[-–*•+])[ \t]+|・[ \t]*)(?P<text>\S.*)")
_QUOTE_OR_STOP = "\"'`“”‘’«».。!?！？ \t\n*"


@dataclass(frozen=True, slots=True)
class TextParser:
    """Takes any text; see `text_parser`."""

    @property
    def schema(self) -> None:
        """None: free text."""
        return None

    def parse(self, reply: str, /, given: str | None = None) -> str:
        """Give the text, without thoughts before it and white space around it.

        Raises:
            OutputParseError: If nothing is left, or it breaks off while thinking.
        """
        return without_thoughts(reply)


def text_parser() -> TextParser:
    """Make a parser that takes what was said as it is: quotes and fences may be part of it.

    Example:
        >>> text_parser().parse("<think>One word.</think> Ein Hund. ")
        'Ein Hund.'
    """
    return TextParser()


@dataclass(frozen=True, slots=True)
class AnswerParser:
    """Takes an answer, or the sentence that declines; see `answer_parser`."""

    declines: str

    @property
    def schema(self) -> None:
        """None: free text."""
        return None

    def parse(self, reply: str, /, given: str | None = None) -> str | None:
        """Give the answer; None where the reply declines.

        Raises:
            OutputParseError: If the reply is empty, or declines and answers as well.
        """
        said = without_thoughts(reply)
        plain, declines = _plain(said), _plain(self.declines)
        if plain == declines:
            return None
        if _holds(plain, declines):
            raise OutputParseError("the reply declines and says more, so that it is no clear answer", reply)
        return said


def answer_parser(declines: str) -> AnswerParser:
    """Make a parser of an answer or an abstention.

    Args:
        declines: The sentence that the model was told to say where it cannot answer; case, quotes and the full stop
            do not matter.

    Raises:
        ConfigError: If the sentence is empty.

    Example:
        >>> answer_parser("Not in the sources.").parse("not in the sources") is None
        True
    """
    if not isinstance(declines, str) or not _plain(declines):
        raise ConfigError(f"the sentence that declines must have words, got {shorten(repr(declines))}.")
    return AnswerParser(declines)


@dataclass(frozen=True, slots=True)
class ListParser:
    """Takes a list of texts; see `list_parser`."""

    count: int | None

    @property
    def schema(self) -> None:
        """None: models write lists of lines well without one."""
        return None

    def parse(self, reply: str, /, given: str | None = None) -> list[str]:
        """Give the items in order, without their bullets.

        Raises:
            OutputParseError: If lines with and without bullets are mixed, numbers skip, an item is empty, or there are
                not `count` of them.
        """
        said = without_thoughts(reply)
        block = only_block(said)
        inner = block.content if block else announced(said)
        if inner.lstrip().startswith("["):
            items = _json_list(reply)
        else:
            items = _lines(announced(said), reply, bare=self.count is not None)
        if self.count is not None and len(items) != self.count:
            raise OutputParseError(f"the reply lists {len(items)}; expected {self.count}", reply)
        return items


def list_parser(count: int | None = None) -> ListParser:
    r"""Make a parser of a list: lines with bullets or numbers, or a JSON list of texts.

    Args:
        count: How many there must be; then lines may also go without bullets. None for any number from 1.

    Raises:
        ConfigError: If `count` is below 1.

    Example:
        >>> list_parser().parse("Three ways:\n1. one\n2. two\n3. three")
        ['one', 'two', 'three']
    """
    if count is not None and (type(count) is not int or count < 1):
        raise ConfigError(f"count must be a whole number from 1, got {shorten(repr(count))}.")
    return ListParser(count)


def _json_list(reply: str) -> list[str]:
    value = read_json(reply)
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item.strip() for item in value):
        raise OutputParseError("the JSON is no list of texts", reply)
    return [item.strip() for item in value]


def _lines(said: str, reply: str, *, bare: bool) -> list[str]:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    items = [_ITEM.fullmatch(line) for line in lines]
    if bare and not any(items):
        return lines
    numbers = [item["number"] and int(item["number"]) for item in items if item is not None]
    counted = numbers == list(range(1, len(numbers) + 1))
    if not all(items) or not (counted or numbers.count(None) == len(numbers)):
        raise OutputParseError(
            "the reply is no plain list: lines with and without bullets, or numbers that skip", reply
        )
    return [item["text"] for item in items if item is not None]


def _holds(plain: str, declines: str) -> bool:
    """Whether a reply declines among other things; one or two words, such as `no`, only where it begins with them."""
    phrase = rf"(?<![a-z0-9]){re.escape(declines)}(?![a-z0-9])"
    long = len(declines.split()) > 2 or (len(declines) > 3 and not declines.isascii())
    return bool(re.search(phrase, plain) if long else re.match(phrase, plain))


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(_QUOTE_OR_STOP)
