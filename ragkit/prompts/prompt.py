"""A prompt is a value: sections with declared variables, checked when it is made and rendered in one pass."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from langchain_core.messages import BaseMessage

from ragkit.errors import ConfigError, InputError, shorten
from ragkit.prompts.data import mark_for
from ragkit.prompts.rendering import Part, rendered
from ragkit.prompts.sections import Section, flaws, identity_flaws
from ragkit.prompts.variable import REQUIRED, Variable

if TYPE_CHECKING:
    from ragkit.prompts.langchain import ChatPrompt

__all__ = ["REQUIRED", "Part", "Prompt", "Section", "Variable"]


@dataclass(frozen=True)
class Prompt:
    """Words for a model, with slots that are declared.

    Text that fills a slot is never read as a template, and never changes how many messages there are, whose they are
    or in what order. Sections become messages one to one; none is merged or left out, an empty text included.

    Raises:
        ConfigError: If a variable is used and not declared, declared and not used, stands where its kind may not, or
            the system section is not the first and only one.

    Example:
        >>> ask = Prompt("ask", 1, variables=(Variable("text", "text"),), sections=(Section("user", "Read {{text}}."),))
        >>> ask.render({"text": "{braces} and {{text}}"})[0].content
        'Read {braces} and {{text}}.'
    """

    name: str
    """Small letters and digits, joined by `-`, `_` or `.`."""
    version: int
    """From 1; a changed text is a new version."""
    about: str = field(default="", repr=False, kw_only=True)
    variables: tuple[Variable, ...] = field(default=(), repr=False, kw_only=True)
    sections: tuple[Section, ...] = field(repr=False, kw_only=True)
    filled: tuple[tuple[str, Any], ...] = field(default=(), repr=False, kw_only=True)
    """Values given before rendering, by `with_defaults`: no part of what the prompt is, so the hash leaves them out."""
    origin: str = field(default="", kw_only=True, compare=False)
    """Where it was read; empty for one made in code."""

    def __post_init__(self) -> None:
        for name in ("variables", "sections", "filled"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, kind in (("variables", Variable), ("sections", Section)):
            if other := next((item for item in getattr(self, name) if not isinstance(item, kind)), None):
                got = type(other).__name__
                raise ConfigError(f"the {name} of a prompt are values of {kind.__name__}, got one of type {got}.")
        if flaw := next(identity_flaws(self.name, self.version, self.about), None):
            raise ConfigError(flaw.message)
        if flaw := next(flaws(self.variables, self.sections), None):
            raise ConfigError(f"prompt {self.name}: {flaw.message}")

    @property
    def variable_names(self) -> tuple[str, ...]:
        """The variables that take a value, in the order they are declared."""
        return tuple(variable.name for variable in self.variables if variable.kind != "mark")

    @property
    def required_names(self) -> tuple[str, ...]:
        """The variables that must be given a value."""
        filled = dict(self.filled)
        return tuple(item.name for item in self.variables if item.required and item.name not in filled)

    def variable(self, name: str) -> Variable:
        """Give the variable of that name.

        Raises:
            InputError: If there is none.
        """
        for variable in self.variables:
            if variable.name == name:
                return variable
        known = ", ".join(self.variable_names) or "none"
        raise InputError(f"prompt {self.name} has no variable {shorten(repr(name))}: its variables are {known}.")

    @cached_property
    def sha256(self) -> str:
        """Hash of all that reaches a model: sections, kinds, defaults and layouts; 64 hexadecimal digits."""
        content = {
            "sections": [[section.role, section.text] for section in self.sections],
            "variables": [
                [item.name, item.kind, item.required, item.plain_default(), item.layout]
                for item in sorted(self.variables, key=lambda item: item.name)
            ],
        }
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    @property
    def card(self) -> dict[str, Any]:
        """What a report must say of it: `name`, `version`, `sha256`."""
        return {"name": self.name, "version": self.version, "sha256": self.sha256}

    def render(self, values: Mapping[str, Any], /, *, seed: int | None = None) -> list[BaseMessage]:
        """Give the messages.

        Args:
            values: By variable; those with a default may be left out.
            seed: None for documents between a fresh random mark; a number for one made of it and all values, so that
                the same input gives the same bytes and still no document can hold it.

        Raises:
            InputError: Naming the variable that is missing, unknown or given what its kind does not take.
        """
        return [part.message for part in self.parts(values, seed=seed)]

    def parts(self, values: Mapping[str, Any], /, *, seed: int | None = None) -> list[Part]:
        """Give the messages of `render` with what each is made of."""
        full = self.complete(values)
        mark = ""
        if any(item.kind in ("documents", "mark") for item in self.variables):
            mark = mark_for(full, seed)
        variables = {variable.name: variable for variable in self.variables}
        return list(rendered(self.sections, variables, full, mark=mark))

    def complete(self, values: Mapping[str, Any], /) -> dict[str, Any]:
        """Give a checked value for each variable that takes one: of `values`, `with_defaults`, or its default.

        Raises:
            InputError: As `render`.
        """
        given = {**dict(self.filled), **{name: self._checked(name, value) for name, value in self._items(values)}}
        if missing := [name for name in self.required_names if name not in given]:
            takes = ", ".join(self.variable_names)
            raise InputError(f"prompt {self.name} needs a value for {', '.join(missing)}; its variables are {takes}.")
        return {
            item.name: given.get(item.name, item.default) for item in self.variables if item.name in self.variable_names
        }

    def with_defaults(self, **values: Any) -> Prompt:
        """Give a copy that has these values already; `render` may still override them.

        Raises:
            InputError: Naming the variable that is unknown or given what its kind does not take.
        """
        checked = {name: self._checked(name, value) for name, value in values.items()}
        return replace(self, filled=tuple(sorted({**dict(self.filled), **checked}.items())))

    def with_instruction(self, text: str) -> Prompt:
        """Give a copy, one version on, whose system section says `text`; it is put first where there is none.

        Raises:
            ConfigError: If a variable that stood in the old text alone is missing in the new one.
        """
        rest = tuple(section for section in self.sections if section.role != "system")
        return replace(self, version=self.version + 1, sections=(Section("system", text), *rest), origin="")

    def only_system(self, variable: str) -> Prompt:
        """Give this prompt, seen to be one system section with one variable of kind option.

        Raises:
            ConfigError: If it is more, or less.
        """
        kinds = [(item.name, item.kind) for item in self.variables]
        if [section.role for section in self.sections] != ["system"] or kinds != [(variable, "option")]:
            raise ConfigError(
                f"prompt {self.name} must be one system section with the variable {variable} of kind option alone."
            )
        return self

    def with_examples_as_text(self) -> Prompt:
        """Give a copy in which examples that are turns of their own stand in the next user section, as text.

        Raises:
            ConfigError: If no user section follows.
        """
        sections: list[Section] = []
        waiting: list[str] = []
        for section in self.sections:
            if section.role == "slot" and self.variable(section.text).kind == "examples":
                waiting.append(f"{{{{{section.text}}}}}")
            elif section.role == "user":
                sections.append(Section("user", "\n\n".join([*waiting, section.text])))
                waiting = []
            else:
                sections.append(section)
        return replace(self, sections=tuple(sections), origin="")

    def as_langchain(self, *, seed: int | None = None, strict: bool = True) -> ChatPrompt:
        """Give the prompt as a LangChain chat prompt template.

        Args:
            seed: As of `render`.
            strict: Whether a variable that the prompt does not have is an error, or passed over.
        """
        from ragkit.prompts.langchain import ChatPrompt

        return ChatPrompt.of(self, seed=seed, strict=strict)

    def _items(self, values: object) -> Iterable[tuple[Any, Any]]:
        if not isinstance(values, Mapping):
            kind = type(values).__name__
            raise InputError(f"prompt {self.name} takes a mapping from variables to values, got {kind}.")
        return values.items()

    def _checked(self, name: str, value: Any) -> Any:
        variable = self.variable(name)
        try:
            return variable.checked(value)
        except InputError as error:
            raise InputError(f"prompt {self.name}: {error}") from error
