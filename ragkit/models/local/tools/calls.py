"""Reading tool calls out of a reply, while it streams or when it is whole: one reader for both.

What a family writes around its calls (marks, commas, the keys of the wrapping object) is never text to the user, and
neither is the white space next to a call. A call that cannot be read, or that the reply breaks off, becomes an
`invalid_tool_call`: nothing that a model says raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import InvalidToolCall, ToolCall, ToolCallChunk
from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk

from ragkit.models.local.tools.families import ToolFamily
from ragkit.models.local.tools.json_end import JsonEnd

__all__ = ["Heard", "Parsed", "ToolCallStream", "parse"]

_OBJECT_HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\S)')
_NAMED_HEAD = re.compile(r"\s*([^\s\[\]{}][^\[\]{}]*?)\s*(?:\[CALL_ID\][^\s\[\]{}]*\s*)?(?:\[ARGS\]\s*)?(?=\{)")
_BETWEEN = {"tagged": " \n\r\t", "bare": " \n\r\t;", "list": " \n\r\t,", "named": " \n\r\t,"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a piece of a reply meant."""

    text: str = ""
    """Text for the user."""
    calls: tuple[ToolCallChunk, ...] = ()
    """Pieces of calls: a call's first one holds its name and id, all hold its index (from 0) and more of its JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A whole reply, taken apart."""

    text: str
    tool_calls: list[ToolCall]
    invalid_tool_calls: list[InvalidToolCall]
    """Calls whose name is missing or whose arguments are no JSON object, as the model wrote them."""


def parse(text: str, family: ToolFamily, *, call_id: Callable[[int], str]) -> Parsed:
    r"""Take a whole reply apart.

    Example:
        >>> from ragkit.models.local.tools.call_ids import call_ids
        >>> from ragkit.models.local.tools.families import HERMES
        >>> reply = 'On it.\n<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>'
        >>> parsed = parse(reply, HERMES, call_id=call_ids(b""))
        >>> parsed.text, parsed.tool_calls[0]["name"], parsed.tool_calls[0]["args"]
        ('On it.', 'add', {'a': 1})
    """
    stream = ToolCallStream(family, call_id=call_id)
    heard = [stream.feed(text), stream.finish()]
    calls, invalid = _judged(_by_index(chunk for piece in heard for chunk in piece.calls))
    return Parsed(text="".join(piece.text for piece in heard), tool_calls=calls, invalid_tool_calls=invalid)


def _by_index(chunks: Iterable[ToolCallChunk]) -> list[ToolCallChunk]:
    """Add up pieces of one call: LangChain does so between messages, not within one."""
    whole: dict[int | None, ToolCallChunk] = {}
    for chunk in chunks:
        first = whole.setdefault(chunk["index"], chunk)
        if first is not chunk:
            whole[chunk["index"]] = {**first, "args": (first["args"] or "") + (chunk["args"] or "")}
    return list(whole.values())


def _judged(chunks: Iterable[ToolCallChunk]) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    calls: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for chunk in chunks:
        args = _json_object(chunk["args"] or "")
        if args is None or chunk["name"] is None:
            invalid.append(invalid_tool_call(name=chunk["name"], args=chunk["args"], id=chunk["id"], error=None))
        else:
            calls.append(tool_call(name=chunk["name"], args=args, id=chunk["id"]))
    return calls, invalid


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


class ToolCallStream:
    """The incremental reader: feed it a reply piece by piece, however it is cut.

    Args:
        family: How the model writes calls.
        call_id: Gives the id of the call at an index, from 0.
    """

    def __init__(self, family: ToolFamily, *, call_id: Callable[[int], str]) -> None:
        self._family = family
        self._call_id = call_id
        self._buffer = ""
        self._space = ""  # white space that is text only if more text follows
        self._step: Callable[[], bool] = self._start if family.style == "bare" else self._read_text
        self._marked = False  # a mark has been seen, so what follows can only be a call
        self._listed = False  # inside a JSON list of calls
        self._index = -1
        self._value, self._scanned = JsonEnd(), 0
        self._said = False
        self._text: list[str] = []
        self._chunks: list[ToolCallChunk] = []

    def feed(self, delta: str) -> Heard:
        """Read on, and give what is certain by now; often nothing."""
        self._buffer += delta
        while self._step():
            pass
        return self._heard()

    def finish(self) -> Heard:
        """Give what was held back. A call that was never finished is spoiled, so that nobody takes it for a whole one.

        LangChain closes the brackets of half a call when it adds up chunks, and would run a tool on what was cut off.
        """
        if self._step == self._arguments:
            self._more(self._value.spoiler)
        elif self._marked and self._step in (self._after_mark, self._head):
            self._unreadable(self._buffer)
        elif self._step in (self._start, self._read_text, self._head):
            self._say(self._buffer)
            self._text.append(self._space if self._index < 0 else "")
        self._buffer = ""
        return self._heard()

    def _heard(self) -> Heard:
        heard = Heard(text="".join(self._text), calls=tuple(_by_index(self._chunks)))
        self._text, self._chunks = [], []
        return heard

    # Each step does one thing with the buffer and says whether another may follow before more is fed.

    def _start(self) -> bool:
        """A bare reply that begins with a brace may be a call; any other is text until a mark."""
        begun = self._buffer.lstrip()
        if begun:
            self._expect_call()
            if begun[0] != "{":
                self._step = self._read_text
        return bool(begun)

    def _read_text(self) -> bool:
        before, mark, after = self._buffer.partition(self._family.begin)
        if mark:
            self._say(before)
            self._buffer, self._marked, self._step = after, True, self._after_mark
            return True
        held = _held_back(self._buffer, self._family.begin)
        self._say(self._buffer[: len(self._buffer) - held])
        self._buffer = self._buffer[len(self._buffer) - held :]
        return False

    def _after_mark(self) -> bool:
        self._buffer = self._buffer.lstrip()
        if not self._buffer:
            return False
        self._listed = self._family.style in ("list", "named") and self._buffer[0] == "["
        self._buffer = self._buffer[self._listed :]
        self._expect_call()
        return True

    def _expect_call(self) -> None:
        self._step, self._value, self._scanned = self._head, JsonEnd(), 0

    @property
    def _named(self) -> bool:
        return self._family.style in ("list", "named") and not self._listed

    def _head(self) -> bool:
        """Wait for a call's name; or for the end of an object that has its keys in another order."""
        head = (_NAMED_HEAD if self._named else _OBJECT_HEAD).match(self._buffer)
        if head is not None:
            self._call(head[1] if self._named else _string(head[1]))
            self._buffer = self._buffer[head.end() :]
            self._step, self._value = self._arguments, JsonEnd()
            return True
        if self._named or self._no_object():
            return self._skip_to_end_mark()
        end = self._value.feed(self._buffer[self._scanned :])
        if end is None:
            self._scanned = len(self._buffer)
            return False
        end += self._scanned
        whole, self._buffer = self._buffer[:end], self._buffer[end:]
        self._whole(whole)
        return True

    def _no_object(self) -> bool:
        begun = self._buffer.lstrip()
        return not self._listed and bool(begun) and begun[0] != "{"

    def _skip_to_end_mark(self) -> bool:
        """What is no call ends with its mark where there is one, else with the reply."""
        before, mark, after = self._buffer.partition(self._family.end if self._family.style == "tagged" else "\0")
        if mark:
            self._unreadable(before)
            self._buffer, self._step = after, self._read_text
        return bool(mark)

    def _arguments(self) -> bool:
        end = self._value.feed(self._buffer)
        self._more(self._buffer[:end])
        self._buffer = "" if end is None else self._buffer[end:]
        if end is not None:
            self._step, self._value = (self._read_text if self._named else self._tail), JsonEnd(open_brackets="{")
        return end is not None

    def _tail(self) -> bool:
        """Drop the rest of the object around the arguments."""
        end = self._value.feed(self._buffer)
        self._buffer = "" if end is None else self._buffer[end:]
        if end is not None:
            self._step = self._between
        return end is not None

    def _between(self) -> bool:
        """After a call: its end mark, another call, or text."""
        rest = self._buffer.lstrip(_BETWEEN[self._family.style])
        end = "]" if self._listed else self._family.end
        if end.startswith(rest) and end != rest:  # also when nothing is left
            return False
        if end and rest.startswith(end):
            self._buffer, self._step = rest[len(end) :], self._read_text
        elif rest[:1] == "{" and self._family.style != "tagged":
            self._buffer = rest
            self._expect_call()
        elif rest:
            self._step = self._read_text
        return bool(rest)

    def _whole(self, text: str) -> None:
        wrapped = _json_object(text) or {}
        name, args = wrapped.get("name"), wrapped.get("arguments", wrapped.get("parameters", {}))
        self._step = self._between
        if isinstance(name, str):
            self._call(name)
            self._more(json.dumps(args, ensure_ascii=False))
        elif self._marked:
            self._unreadable(text)
        else:
            self._say(text)
            self._step = self._read_text

    def _unreadable(self, text: str) -> None:
        end, rest = JsonEnd(), text
        while (length := end.feed(rest)) is not None:
            end, rest = JsonEnd(), rest[length:]
        self._call(None)
        self._more(text + end.spoiler)

    def _call(self, name: str | None) -> None:
        self._index += 1
        call_id = self._call_id(self._index)
        self._chunks.append(tool_call_chunk(name=name, args="", id=call_id, index=self._index))

    def _more(self, args: str) -> None:
        if args:
            self._chunks.append(tool_call_chunk(args=args, index=self._index))

    def _say(self, text: str) -> None:
        """Give text, but keep back the white space at its end: a call may follow, and then it is none of the text."""
        whole = self._space + text
        if self._index >= 0 and not self._said:
            whole = whole.lstrip()
        shown = whole.rstrip()
        self._space = whole[len(shown) :]
        self._said = self._said or bool(shown)
        self._text.append(shown)


def _held_back(text: str, mark: str) -> int:
    """Give how many characters at the end of `text` may begin `mark`."""
    return next((n for n in range(min(len(mark) - 1, len(text)), 0, -1) if text.endswith(mark[:n])), 0)


def _string(quoted: str) -> str:
    try:
        return str(json.loads(quoted, strict=False))
    except ValueError:
        return quoted[1:-1]
