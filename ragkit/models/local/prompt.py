r"""How a conversation becomes the token ids that a model reads: once, by its own chat template where it has one.

Three layouts, chosen by `layout_for`: `ChatLayout` for models with a chat template, `PlainLayout` for base models
("User: …\nAssistant:"), `SourceLayout` for encoder-decoders (the text alone).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from langchain_core.messages import BaseMessage

from ragkit._optional import require
from ragkit.errors import InputError, ModelFilesError, shorten
from ragkit.models.local.control import ControlTokens, around, without_limits
from ragkit.models.local.conversation import (
    Turn,
    as_turns,
    calls_in_text,
    one_call_each,
    simplified,
    strings_in,
    with_instructions,
)
from ragkit.models.local.tools.families import HERMES, ToolFamily, family_of
from ragkit.models.local.tools.instructions import tool_instructions
from ragkit.prompts.prompt import Prompt

with require(feature="LocalChatModel", package="jinja2", extra="local"):
    from jinja2 import TemplateError, TemplateSyntaxError

__all__ = ["ChatLayout", "Layout", "PlainLayout", "SourceLayout", "layout_for", "render"]

Objects = Sequence[Mapping[str, Any]]
REFUSALS = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError)
"""What a template raises by itself, and what it stumbles over."""

_PROBE = "zebra seven"
_SPEAKERS = {"system": "System", "user": "User", "assistant": "Assistant"}


_ARRANGEMENTS: Sequence[Callable[[Sequence[Turn]], list[Turn]]] = (
    list,
    simplified,
    one_call_each,
    lambda turns: one_call_each(simplified(turns)),
)
"""What is tried in turn, until the template takes it."""


class Layout(Protocol):
    """How messages are laid out for one model; safe from many threads."""

    @property
    def family(self) -> ToolFamily:
        """How the model writes tool calls."""
        ...

    @property
    def stops(self) -> Sequence[str]:
        """Texts that end a reply in this layout, beside the model's own end tokens."""
        ...

    @property
    def strips(self) -> bool:
        """Whether white space before the reply belongs to the layout and not to the reply."""
        ...

    def ids(
        self,
        messages: Sequence[BaseMessage],
        *,
        tools: Objects = (),
        documents: Objects = (),
        options: Mapping[str, Any] | None = None,
    ) -> list[int]:
        """Give the prompt, up to where the reply begins.

        Args:
            messages: The conversation, at least one message.
            tools: What the model may call, as OpenAI writes it; laid into the system message where the model has no
                place of its own for them.
            documents: `{"title", "text"}`, for templates that take them.
            options: Switches of the chat template.

        Raises:
            InputError: For content that is not text, documents without a place, and what the template refuses.
        """
        ...

    def end_tokens(self) -> Sequence[int]:
        """Give the tokens that end a reply in this layout, beside those that the model's settings name."""
        ...


def layout_for(tokenizer: Any, *, encoder_decoder: bool = False, tool_prompt: Prompt | None = None) -> Layout:
    """Choose the layout of a model.

    Args:
        tokenizer: A transformers tokenizer that stands on the tokenizers library.
        encoder_decoder: Whether the model reads a source text and writes another (T5, BART).
        tool_prompt: See `tool_instructions`.
    """
    if encoder_decoder:
        return SourceLayout(tokenizer, tool_prompt)
    return (ChatLayout if tokenizer.chat_template else PlainLayout)(tokenizer, tool_prompt)


def render(
    tokenizer: Any, messages: Sequence[BaseMessage], *, tools: Objects = (), documents: Objects = ()
) -> list[int]:
    """Give the prompt of a causal model in one call; keep a `Layout` for more than one."""
    return layout_for(tokenizer).ids(messages, tools=tools, documents=documents)


class ChatLayout:
    """The model's own chat template, applied once: what it writes is all there is, no second beginning of text.

    A template that has no place for a system message gets it at the head of the first user message; one that refuses
    the order of the messages gets neighbours of one role merged, and one that knows a single call gets one at a time.
    """

    stops: Sequence[str] = ()
    strips = False

    def __init__(self, tokenizer: Any, tool_prompt: Prompt | None = None) -> None:
        self._tool_prompt = tool_prompt
        self._tokenizer = tokenizer
        source = self._source()
        native = family_of(source)
        self.family, self._takes_tools = native or HERMES, native is not None
        self._control = ControlTokens(without_limits(tokenizer.backend_tokenizer), source)
        self._takes_system = self._shows([{"role": "system", "content": _PROBE}, _user("a")])
        document = {"title": "a", "text": _PROBE, "content": _PROBE, "doc_id": "1"}
        self._takes_documents = self._shows([_user("a")], documents=[document])

    def ids(
        self,
        messages: Sequence[BaseMessage],
        *,
        tools: Objects = (),
        documents: Objects = (),
        options: Mapping[str, Any] | None = None,
    ) -> list[int]:
        """Give the prompt; see `Layout`."""
        if documents and not self._takes_documents:
            raise _no_place("documents")
        turns = as_turns(messages)
        hidden = self._control.hidden(strings_in([turns, tools, documents]))
        turns = self._control.hide_turns(turns, hidden)
        given = {**(options or {}), "documents": self._control.hide(documents, hidden) or None}
        tools = self._control.hide(tools, hidden)
        if self._takes_tools:
            given["tools"] = tools or None
        else:
            turns = _told_in_text(turns, tools, self._tool_prompt)
        return self._control.encode(self._text(turns, given), hidden)

    def end_tokens(self) -> Sequence[int]:
        """Give the special token with which the template closes a reply, whatever the model's settings call its end."""
        try:
            closed = self._rendered([_user("a"), {"role": "assistant", "content": _PROBE}], add_generation_prompt=False)
        except REFUSALS:
            return []
        return self._control.special_in(closed.rpartition(_PROBE)[2])[:1]

    def _source(self) -> str:
        """Give the template that takes tools (some models have one for them), having seen that it is a template."""
        try:
            self._shows([_user(_PROBE)], tools=[{}])
            return str(self._tokenizer.get_chat_template(tools=[{}]))
        except (TemplateSyntaxError, ValueError) as error:
            raise ModelFilesError(
                f"the model's chat template cannot be read ({shorten(error)}): fetch the model again, or mend it."
            ) from error

    def _text(self, turns: list[Turn], given: Mapping[str, Any]) -> str:
        if turns[0]["role"] == "system" and not self._takes_system:
            turns = simplified(turns)
        refusals: list[Exception] = []
        for arranged in _ARRANGEMENTS:
            try:
                return self._rendered(arranged(turns), **given)
            except REFUSALS as refused:
                refusals.append(refused)
        reason = shorten(refusals[0], 200)
        raise InputError(f"the model's chat template refuses these messages: {reason}") from refusals[0]

    def _rendered(self, turns: list[Turn], *, add_generation_prompt: bool = True, **given: Any) -> str:
        text = self._tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=add_generation_prompt, **given
        )
        return str(text)

    def _shows(self, turns: list[Turn], **given: Any) -> bool:
        try:
            return _PROBE in self._rendered(turns, **given)
        except TemplateSyntaxError:
            raise
        except REFUSALS:
            return False


class PlainLayout:
    r"""For base models, which only continue text: one paragraph per message, the speaker's name before it.

    `System: …\nUser: …\nAssistant:`; a reply ends where the model would begin the next `User:`. The tokenizer's own
    beginning of text stands before it. A message that itself writes `User:` cannot be told from a speaker.
    """

    family = HERMES
    stops: Sequence[str] = ("\nUser:", "\nSystem:")
    strips = True

    def __init__(self, tokenizer: Any, tool_prompt: Prompt | None = None) -> None:
        self._tool_prompt = tool_prompt
        backend = without_limits(tokenizer.backend_tokenizer)
        self._control = ControlTokens(backend)
        self._before, self._after = around(backend)

    def ids(
        self,
        messages: Sequence[BaseMessage],
        *,
        tools: Objects = (),
        documents: Objects = (),
        options: Mapping[str, Any] | None = None,
    ) -> list[int]:
        """Give the prompt; see `Layout`."""
        if documents:
            raise _no_place("documents")
        if options:
            raise _no_place("template_options")
        turns = _told_in_text(as_turns(messages), tools, self._tool_prompt)
        hidden = self._control.hidden(strings_in(turns))
        text = self._text(self._control.hide_turns(turns, hidden))
        return [*self._before, *self._control.encode(text, hidden), *self._after]

    def end_tokens(self) -> Sequence[int]:
        """Give none: the model's settings know them all."""
        return []

    def _text(self, turns: Sequence[Turn]) -> str:
        said = (f"{_SPEAKERS.get(turn['role'], turn['role'].capitalize())}: {turn['content']}" for turn in turns)
        return "\n".join([*said, "Assistant:"])


class SourceLayout(PlainLayout):
    """For encoder-decoders, which turn one text into another: the texts of the messages, each on a line of its own."""

    stops: Sequence[str] = ()

    def _text(self, turns: Sequence[Turn]) -> str:
        return "\n".join(turn["content"] for turn in turns if turn["content"])


def _user(text: str) -> Turn:
    return {"role": "user", "content": text}


def _told_in_text(turns: list[Turn], tools: Objects, prompt: Prompt | None) -> list[Turn]:
    """Lay tools, calls and results into the messages' texts, for models that have no place for them."""
    turns = calls_in_text(turns)
    return with_instructions(turns, tool_instructions(tools, prompt)) if tools else turns


def _no_place(what: str) -> InputError:
    return InputError(f"the model's prompt has no place for {what}: write what they say into a message.")
