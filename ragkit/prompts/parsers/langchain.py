"""Any parser as an output parser of LangChain."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from langchain_core.exceptions import OutputParserException
from langchain_core.output_parsers import BaseOutputParser
from pydantic import ConfigDict

from ragkit.errors import OutputParseError
from ragkit.prompts.parsers.parser import Parser

__all__ = ["LangChainOutputParser", "UnreadableOutputError", "as_langchain"]

Value = TypeVar("Value")


class UnreadableOutputError(OutputParseError, OutputParserException):
    """An `OutputParseError` that LangChain knows as well: its `OutputFixingParser` and `with_retry` see what they need.

    Attributes:
        raw_output: What the model said, whole; `llm_output` is the same.
    """

    def __init__(self, message: str, raw_output: str) -> None:
        OutputParseError.__init__(self, message, raw_output)
        self.llm_output = raw_output
        self.observation = None
        self.send_to_llm = False


class LangChainOutputParser(BaseOutputParser[Value], Generic[Value]):
    """What `as_langchain` gives: the last part of `prompt | model | parser`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    parser: Any
    """A `Parser`; `Any`, because pydantic would check a Protocol by its name alone."""
    given: str | None = None
    """The text that was asked about, for parsers that look things up in it."""

    def parse(self, text: str) -> Value:
        """Parse a whole reply.

        Raises:
            UnreadableOutputError: If it cannot be read; an `OutputParseError` and an `OutputParserException` at once.
        """
        try:
            value: Value = self.parser.parse(text, given=self.given)
        except OutputParseError as error:
            raise UnreadableOutputError(str(error), error.raw_output) from error
        return value

    @property
    def _type(self) -> str:
        return f"ragkit-{type(self.parser).__name__}"


def as_langchain(parser: Parser[Value], *, given: str | None = None) -> LangChainOutputParser[Value]:
    """Give a parser as LangChain's `BaseOutputParser`.

    Args:
        parser: Any parser of ragkit.
        given: The text that the model is asked about; needed by `entities_parser` alone.
    """
    return LangChainOutputParser(parser=parser, given=given)
