"""What a parser is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

__all__ = ["Parser"]

Value_co = TypeVar("Value_co", covariant=True)


class Parser(Protocol[Value_co]):
    """Reads what a model said."""

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """JSON Schema of the reply, for models that can be held to one; None for free text."""
        ...

    def parse(self, reply: str, /, given: str | None = None) -> Value_co:
        """Give what the reply says.

        Args:
            reply: All that the model said.
            given: The text that it was asked about; only parsers that look things up in it need it.

        Raises:
            OutputParseError: If the reply is not in the form asked for, however broken it is; `raw_output` is all of
                it. Nothing else is raised.
        """
        ...
