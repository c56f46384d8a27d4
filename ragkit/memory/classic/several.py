"""Several memories as one, one that cannot be written to, and one that never changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from ragkit.errors import ConfigError
from ragkit.memory.classic.context import ContextMemory

__all__ = ["CombinedMemory", "ReadOnlySharedMemory", "SimpleMemory"]


class CombinedMemory(ContextMemory):
    """Gives the variables of several memories, and saves each context in all of them.

    Raises:
        ConfigError: If two of them give a variable of the same name.
    """

    memories: Sequence[ContextMemory] = Field(repr=False)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        names = self.memory_variables
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigError(f"several memories give the variable {twice[0]!r}: give each a memory_key of its own.")

    @property
    def memory_variables(self) -> list[str]:
        """The variables of all."""
        return [name for memory in self.memories for name in memory.memory_variables]

    def load_memory_variables(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Give the variables of all."""
        loaded = [memory.load_memory_variables(inputs) for memory in self.memories]
        return {name: value for variables in loaded for name, value in variables.items()}

    def save_context(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Save a context in each."""
        for memory in self.memories:
            memory.save_context(inputs, outputs)

    def clear(self) -> None:
        """Clear each."""
        for memory in self.memories:
            memory.clear()


class SimpleMemory(ContextMemory):
    """Gives the same variables always."""

    memories: dict[str, Any] = Field(default_factory=dict, repr=False)

    @property
    def memory_variables(self) -> list[str]:
        """Their names."""
        return list(self.memories)

    def load_memory_variables(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Give them."""
        return dict(self.memories)

    def save_context(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Do nothing."""

    def clear(self) -> None:
        """Do nothing."""


class ReadOnlySharedMemory(ContextMemory):
    """Gives the variables of a memory that others write to."""

    memory: ContextMemory = Field(repr=False)

    @property
    def memory_variables(self) -> list[str]:
        """The memory's."""
        return self.memory.memory_variables

    def load_memory_variables(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Give the memory's variables."""
        return self.memory.load_memory_variables(inputs)

    def save_context(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Do nothing."""

    def clear(self) -> None:
        """Do nothing."""
