"""Grammars that hold a reply to a JSON schema, or its tool calls to their tools.

Text for llguidance (its variant of Lark) is built by plain functions; `Grammars` compiles it for one model.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from ragkit._optional import require
from ragkit.errors import ConfigError, shorten
from ragkit.models.local.generation import Constraint
from ragkit.models.local.tools.budget import BudgetedConstraint, Closing, closing_order
from ragkit.models.local.tools.families import ToolFamily
from ragkit.models.local.tools.form import ReplyForm
from ragkit.models.local.tools.schema import arguments_schema, closed, tool_name

with require(feature="Constrained decoding", package="llguidance", extra="local"):
    import llguidance
    from llguidance.hf import from_tokenizer

__all__ = ["CallRule", "Grammars", "calls_grammar", "check_schema", "json_grammar"]

_LONGEST_CLOSING = 4096
_JSON_OPTIONS = {"whitespace_pattern": r"[ ]|\n[ \t]{0,24}"}
"""One space, or a new line with indentation, between parts: all that models write, and no endless white space."""


class CallRule(NamedTuple):
    """How a model may use its tools."""

    must: bool
    """The reply is a call; otherwise text is free, and calls are optional."""
    several: bool
    """More than one call may be made."""
    answer: Mapping[str, Any] | None = None
    """What an answer in place of a call is held to; None for free text."""


def json_grammar(schema: Mapping[str, Any]) -> str:
    """Give the grammar of JSON texts that are valid under a schema."""
    return "start: " + _json(schema)


def calls_grammar(
    tools: Sequence[Mapping[str, Any]], family: ToolFamily, rule: CallRule, special: Callable[[str], int | None]
) -> str:
    """Give the grammar of replies that use tools.

    Args:
        tools: What may be called, as OpenAI describes tools; at least one.
        family: How calls are written.
        rule: Whether a call is due and whether there may be more than one.
        special: Gives the id of a mark that is one token apart from text, None for a mark spelled out.
    """
    if rule.answer is not None and not rule.must:
        start, *lines = _replies(family, rule._replace(must=True), special)
        lines = [f"{start} | answer", f"answer: {_json(rule.answer)}", *lines]
    else:
        lines = _replies(family, rule, special)
    lines.append("body: " + " | ".join(f"body_{n}" for n in range(len(tools))))
    for n, tool in enumerate(tools):
        name = json.dumps(tool_name(tool), ensure_ascii=False)
        arguments = _json(arguments_schema(tool))
        match family.style:
            case "named":
                lines.append(f"body_{n}: {json.dumps(tool_name(tool))} {_mark(family.end, special)} {arguments}")
            case _:
                head = json.dumps(f'{{"name": {name}, "{family.arguments}": ')
                lines.append(f'body_{n}: {head} {arguments} "}}"')
    return "\n".join(lines)


def _replies(family: ToolFamily, rule: CallRule, special: Callable[[str], int | None]) -> list[str]:
    begin, several = _mark(family.begin, special), rule.several
    match family.style:
        case "tagged":
            call, between = f'"\\n" body "\\n" {_mark(family.end, special)}', '"\\n"'
        case "named":
            call, between = "body", ""
        case "list":
            call, between = '" "? "[" body' + (' (", " body)*' if several else "") + ' "]"', ""
            several = False
        case "bare":
            return _bare_replies(rule, begin)
    if rule.must:
        again = f" ({between} {begin} call)*" if several else ""
        return [f"start: {begin} call{again}", f"call: {call}"]
    return [
        *_free_replies(family.begin, begin, several=several, mark_is_special=special(family.begin) is not None),
        f"call: {call}",
    ]


def _free_replies(mark: str, begin: str, *, several: bool, mark_is_special: bool) -> list[str]:
    """Text, calls after a mark, text: the mark spelled out is always a mark, so text must not hold it."""
    without = f"TEXT: /(?s:.+)/ & ~/(?s:.*){_escaped(mark)}(?s:.*)/"
    if mark_is_special:
        calls = f"({begin} call TEXT?)*" if several else f"({begin} call)?"
        return [f"start: TEXT? {calls}", without]
    calls = "(head call)* TEXT?" if several else "head call | TEXT?"
    return [f"start: {calls}", f"head[lazy]: /(?s:.*){_escaped(mark)}/", without]


def _bare_replies(rule: CallRule, begin: str) -> list[str]:
    """A call is the whole reply and begins with a brace; what begins otherwise is text to its end."""
    calls = 'body ("; " body)*' if rule.several else "body"
    if rule.must:
        return [f"start: {calls}"]
    text = r"TEXT: /\s*([^{\s](?s:.*))?/ & ~/(?s:.*)" + _escaped("<|python_tag|>") + "(?s:.*)/"
    marked = f" | {begin} {calls}" if begin.startswith("<[") else ""
    return [f"start: TEXT | {calls}{marked}", text]


def _mark(mark: str, special: Callable[[str], int | None]) -> str:
    token = special(mark)
    return json.dumps(mark) if token is None else f"<[{token}]>"


def _escaped(mark: str) -> str:
    return "".join(
        "\\" + character if not character.isalnum() and character not in "_<>" else character for character in mark
    )


def _json(schema: Mapping[str, Any]) -> str:
    return "%json " + json.dumps({**closed(schema), "x-guidance": _JSON_OPTIONS})


def check_schema(schema: Mapping[str, Any], *, what: str = "the schema") -> None:
    """Say at once what constrained decoding cannot hold a reply to.

    Raises:
        ConfigError: In one sentence, if the schema is broken or asks for what llguidance cannot do.
    """
    failed, messages = llguidance.LLMatcher.validate_grammar_with_warnings(json_grammar(schema))
    if failed:
        raise _refused(what, messages[0])


def _refused(what: str, reason: str) -> ConfigError:
    lines = [line.strip().rstrip(":") for line in reason.strip().splitlines()]
    detail = next((line for line in lines[1:] if line.startswith("error")), "")  # a regex's fault stands far below
    first = lines[0].rpartition("failed to compile JSON schema: ")[2].partition(". Enable ")[0]
    said = shorten(f"{first}: {detail}" if detail else first, 200)
    return ConfigError(
        f"a reply cannot be held to {what}: {said}; leave that out, or ask for a tool with strict=False."
    )


class Grammars:
    """Compiles grammars for one model, and keeps those last used. Safe from many threads.

    Making one takes about a second for a vocabulary of 150,000 tokens, so make one per model.

    Args:
        tokenizer: A fast tokenizer of transformers.
        vocabulary: Width of the model's logits; tokens beyond the tokenizer's own never come.
        end_tokens: Tokens that end a reply; at least one.
        kept: Compiled grammars to keep.

    Raises:
        ConfigError: If the tokenizer is of a make that llguidance does not know (T5's, which has no braces either).
    """

    def __init__(self, tokenizer: Any, *, vocabulary: int, end_tokens: Collection[int], kept: int = 32) -> None:
        self._ids: dict[str, int] = tokenizer.get_vocab()
        width = max(vocabulary, max(self._ids.values()) + 1)
        try:
            self._tokenizer = from_tokenizer(tokenizer, n_vocab=width, eos_token=sorted(end_tokens))
        except ValueError as error:
            reason = shorten(" ".join(str(error).split()))
            raise ConfigError(
                "this model's replies cannot be held to tools or schemas: its tokenizer is not made for it "
                f"({reason}); choose another model."
            ) from error
        self._closing: Closing = closing_order(self._tokenizer)
        self._compiled: OrderedDict[str, _Compiled] = OrderedDict()
        self._kept = kept
        self._lock = threading.Lock()

    def json(self, schema: Mapping[str, Any] | None = None, *, max_tokens: int) -> Constraint:
        """Hold a reply to a JSON schema, by default to any JSON object.

        Raises:
            ConfigError: If llguidance cannot do what the schema asks for, or nothing valid fits into `max_tokens`.
        """
        return self._constraint(json_grammar({"type": "object"} if schema is None else schema), max_tokens)

    def calls(
        self, tools: Sequence[Mapping[str, Any]], family: ToolFamily, rule: CallRule, *, max_tokens: int
    ) -> Constraint:
        """Hold a reply's calls to their tools.

        Raises:
            ConfigError: If llguidance cannot do what a tool's schema asks for, or no call that is due fits into
                `max_tokens`.
        """
        return self._constraint(calls_grammar(tools, family, rule, self._special), max_tokens)

    def constraint(self, form: ReplyForm, family: ToolFamily, *, max_tokens: int) -> Constraint | None:
        """Hold a reply to the form asked for; None where it is free text.

        Raises:
            ConfigError: If llguidance cannot do what a schema asks for, or nothing that is due fits into `max_tokens`.
        """
        if not form.may_call:
            return None if form.schema is None else self.json(form.schema, max_tokens=max_tokens)
        rule = CallRule(must=form.must_call, several=form.several_calls, answer=form.schema)
        return self.calls(form.callable_tools, family, rule, max_tokens=max_tokens)

    def _special(self, mark: str) -> int | None:
        token = self._ids.get(mark)
        return token if token is not None and self._tokenizer.is_special_token(token) else None

    def _constraint(self, grammar: str, max_tokens: int) -> Constraint:
        matcher, way = self._compiled_for(grammar)
        return BudgetedConstraint(matcher, self._closing, way, max_tokens=max_tokens)

    def _compiled_for(self, grammar: str) -> _Compiled:
        with self._lock:
            known = self._compiled.get(grammar)
            if known is not None:
                self._compiled.move_to_end(grammar)
                return known._replace(matcher=known.matcher.deep_copy())
        made = llguidance.LLMatcher(self._tokenizer, grammar, log_level=0)
        if made.is_error():
            raise _refused("the schema", made.get_error())
        way = self._closing.way_out(made, limit=_LONGEST_CLOSING)
        with self._lock:
            self._compiled[grammar] = _Compiled(made.deep_copy(), way)
            while len(self._compiled) > self._kept:
                self._compiled.popitem(last=False)
        return _Compiled(made, way)


class _Compiled(NamedTuple):
    matcher: Any
    way: Sequence[int] | None
    """Tokens that make a whole text; None where they were sought in vain."""
