"""Replies of four families, whole and cut into pieces."""

from __future__ import annotations

import json
import string
from collections.abc import Sequence
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk

from ragkit.models.local.tools.call_ids import call_ids
from ragkit.models.local.tools.calls import Heard, Parsed, ToolCallStream, parse
from ragkit.models.local.tools.families import FAMILIES, HERMES, LLAMA, MISTRAL, MISTRAL_NAMED, ToolFamily

IDS = call_ids(b"a prompt")
TWO_CALLS = """\
<tool_call>
{"name": "f", "arguments": {}}
</tool_call>
<tool_call>
{"name": "g", "arguments": {"b": [1, {"c": "}"}]}}
</tool_call>"""


def read(text: str, family: ToolFamily) -> Parsed:
    return parse(text, family, call_id=IDS)


def called(parsed: Parsed) -> list[tuple[str, dict[str, Any]]]:
    return [(call["name"], call["args"]) for call in parsed.tool_calls]


def streamed(pieces: Sequence[str], family: ToolFamily) -> AIMessageChunk:
    """What LangChain adds up from a stream."""
    stream = ToolCallStream(family, call_id=IDS)
    heard = [*(stream.feed(piece) for piece in pieces), stream.finish()]
    chunks = [AIMessageChunk(content=one.text, tool_call_chunks=list(one.calls)) for one in heard]
    return reduce(lambda whole, chunk: whole + chunk, chunks)


@pytest.mark.parametrize(
    ("family", "reply"),
    [
        (HERMES, '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>'),
        (HERMES, '<tool_call>{"arguments": {"a": 1}, "name": "add"}</tool_call>'),
        (HERMES, '<tool_call>\n{"name": "add", "arguments": {"a": 1}}'),
        (LLAMA, '{"name": "add", "parameters": {"a": 1}}'),
        (LLAMA, '\n<|python_tag|>{"name": "add", "parameters": {"a": 1}}'),
        (LLAMA, '{"parameters": {"a": 1}, "name": "add"}'),
        (MISTRAL, '[TOOL_CALLS] [{"name": "add", "arguments": {"a": 1}}]'),
        (MISTRAL, '[TOOL_CALLS][{"name": "add", "arguments": {"a": 1}, "id": "VvvODy9mT"}]'),
        (MISTRAL_NAMED, '[TOOL_CALLS]add[ARGS]{"a": 1}'),
        (MISTRAL_NAMED, '[TOOL_CALLS]add[CALL_ID]VvvODy9mT[ARGS]{"a": 1}'),
        (MISTRAL_NAMED, '[TOOL_CALLS]add{"a": 1}'),
    ],
)
def test_a_call_is_read_as_its_family_writes_it(family: ToolFamily, reply: str) -> None:
    parsed = read(reply, family)
    assert called(parsed) == [("add", {"a": 1})]
    assert parsed.text == ""
    assert parsed.invalid_tool_calls == []


@pytest.mark.parametrize(
    ("family", "reply"),
    [
        (HERMES, TWO_CALLS),
        (LLAMA, '{"name": "f", "parameters": {}}; {"name": "g", "parameters": {"b": [1, {"c": "}"}]}}'),
        (MISTRAL, '[TOOL_CALLS] [{"name": "f", "arguments": {}}, {"name": "g", "arguments": {"b": [1, {"c": "}"}]}}]'),
        (MISTRAL_NAMED, '[TOOL_CALLS]f[ARGS]{}[TOOL_CALLS]g[ARGS]{"b": [1, {"c": "}"}]}'),
    ],
)
def test_several_calls_are_told_apart(family: ToolFamily, reply: str) -> None:
    parsed = read(reply, family)
    assert called(parsed) == [("f", {}), ("g", {"b": [1, {"c": "}"}]})]
    assert len({call["id"] for call in parsed.tool_calls}) == 2


def test_text_around_a_call_is_kept_without_the_space_beside_the_call() -> None:
    call = '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>'
    assert read(f"I will look.\n\n{call}\n", HERMES).text == "I will look."
    assert read(f"\n{call}\n\nDone.", HERMES).text == "Done."
    assert read(f"Before.\n{call}\nAfter.", HERMES).text == "Before.\n\nAfter."


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "text", ["", " \n", "Hello there.\n", "1 < 2 <tool", "a [TOOL", '{"result": [3]} it is', "{", "{}"]
)
def test_a_reply_without_calls_is_text_to_the_last_space(family: ToolFamily, text: str) -> None:
    assert read(text, family) == Parsed(text=text, tool_calls=[], invalid_tool_calls=[])


@pytest.mark.parametrize(
    ("family", "reply", "name", "written"),
    [
        (HERMES, '<tool_call>\n{"name": "f", "arguments": {"a": }}\n</tool_call>', "f", '{"a": }'),
        (HERMES, '<tool_call>\n{"name": "f", "arguments": {"a": "b', "f", '{"a": "b'),
        (HERMES, '<tool_call>\n{"name": "f", "arguments": {"a": "b\\', "f", '{"a": "b\\'),
        (HERMES, '<tool_call>\n{"name": "f", "arguments": [1, 2]}\n</tool_call>', "f", "[1, 2]"),
        (HERMES, '<tool_call>\n{"name": "f", "argum', None, '{"name": "f", "argum'),
        (HERMES, "Let me see. <tool_call>\n", None, ""),
        (MISTRAL, "[TOOL_CALLS] [", None, ""),
        (HERMES, '<tool_call>{"no": "name"}</tool_call>', None, '{"no": "name"}'),
        (HERMES, "<tool_call>add one and two</tool_call>", None, "add one and two"),
        (LLAMA, '<|python_tag|>brave_search.call(query="x")', None, 'brave_search.call(query="x")'),
        (MISTRAL, '[TOOL_CALLS] [{"name": "f", "arguments": {"a": [1, }]}]', "f", '{"a": [1, }'),
        (MISTRAL_NAMED, "[TOOL_CALLS]add", None, "add"),
    ],
)
def test_a_broken_call_is_invalid_and_shown_as_written(
    family: ToolFamily, reply: str, name: str | None, written: str
) -> None:
    parsed = read(reply, family)
    assert parsed.tool_calls == []
    (broken,) = parsed.invalid_tool_calls
    assert broken["name"] == name
    assert (broken["args"] or "").startswith(written)


def test_half_a_call_never_adds_up_to_a_whole_one_in_a_stream() -> None:
    message = streamed(['<tool_call>\n{"name": "wipe", "arguments": {"disk": "a', ""], HERMES)
    assert message.tool_calls == []
    assert [call["name"] for call in message.invalid_tool_calls] == ["wipe"]
    for rest in (' and "', 'x"}, {"a": 1}'):  # a forgiving parser cuts off what follows the object
        assert streamed([f'[TOOL_CALLS]{{"disk": "a"}}{rest}'], MISTRAL_NAMED).tool_calls == []


def test_a_stream_gives_the_name_first_and_then_the_arguments_piece_by_piece() -> None:
    stream = ToolCallStream(HERMES, call_id=IDS)
    pieces = ["On it", ".\n<tool", '_call>\n{"name": "f", ', '"arguments": {"a', '": 1', "2}}", "\n</tool_call>"]
    heard = [stream.feed(piece) for piece in pieces]
    assert [one.text for one in heard] == ["On it", ".", "", "", "", "", ""]
    assert [[(c["index"], c["name"], c["id"], c["args"]) for c in one.calls] for one in heard] == [
        [],
        [],
        [],
        [(0, "f", IDS(0), '{"a')],
        [(0, None, None, '": 1')],
        [(0, None, None, "2}")],
        [],
    ]
    assert stream.finish() == Heard()


def write(family: ToolFamily, calls: list[tuple[str, dict[str, Any]]]) -> str:
    """A reply with calls, as a good model of the family writes it."""
    wrapped = [f'{{"name": {json.dumps(name)}, "{family.arguments}": {json.dumps(args)}}}' for name, args in calls]
    match family.style:
        case "tagged":
            return "\n".join(f"<tool_call>\n{call}\n</tool_call>" for call in wrapped)
        case "bare":
            return "; ".join(wrapped)
        case "list":
            return f"[TOOL_CALLS] [{', '.join(wrapped)}]"
        case _:
            return "".join(f"[TOOL_CALLS]{name}[ARGS]{json.dumps(args)}" for name, args in calls)


NAMES = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
CALLS = st.lists(st.tuples(NAMES, st.dictionaries(st.text(max_size=6), JSON, max_size=3)), min_size=1, max_size=3)
FAMILY = st.sampled_from(FAMILIES)


@given(family=FAMILY, calls=CALLS)
@settings(max_examples=50, deadline=None)
def test_what_a_family_writes_is_read_back(family: ToolFamily, calls: list[tuple[str, dict[str, Any]]]) -> None:
    parsed = read(write(family, calls), family)
    assert called(parsed) == calls
    assert parsed.text == ""


MARKS = ("<tool_call>", "</tool_call>", "[TOOL_CALLS]", "[ARGS]", "<|python_tag|>")
JSON_SCRAPS = ('{"name": "f", "arguments": {"a": 1}}', '{"name": "f", "parameters": ', '{"x": "}"}', *'{}[]"\\')
SCRAPS = st.sampled_from([*MARKS, *JSON_SCRAPS, ", ", "; ", "\n", " ", "f", "12", "text é 你"])


@given(family=FAMILY, scraps=st.lists(SCRAPS | st.text(max_size=4), max_size=12), data=st.data())
@settings(max_examples=300, deadline=None)
def test_however_a_reply_is_cut_the_stream_adds_up_to_the_whole(
    family: ToolFamily, scraps: list[str], data: st.DataObject
) -> None:
    reply = "".join(scraps)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(reply)), max_size=8)))
    message = streamed([reply[a:b] for a, b in zip([0, *cuts], [*cuts, len(reply)], strict=True)], family)
    parsed = read(reply, family)
    assert message.content == parsed.text
    assert message.tool_calls == parsed.tool_calls
    assert message.invalid_tool_calls == parsed.invalid_tool_calls


@given(family=FAMILY, calls=CALLS, before=st.sampled_from(["", "Sure.\n", "é 你 "]), data=st.data())
@settings(max_examples=100, deadline=None)
def test_however_calls_are_cut_the_stream_adds_up_to_them(
    family: ToolFamily, calls: list[tuple[str, dict[str, Any]]], before: str, data: st.DataObject
) -> None:
    reply = ("" if family is LLAMA else before) + write(family, calls)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(reply)), max_size=20)))
    message = streamed([reply[a:b] for a, b in zip([0, *cuts], [*cuts, len(reply)], strict=True)], family)
    assert [(call["name"], call["args"]) for call in message.tool_calls] == calls
    assert message.content == ("" if family is LLAMA else before.rstrip())
