from __future__ import annotations

import pytest

from ragkit.errors import OutputParseError
from ragkit.prompts.parsers.reply import announced, blocks, only_block, unquoted, without_thoughts


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (" a ", "a"),
        ("<think>x</think>a", "a"),
        ("<think>x <think>y</think> z</think>\na", "a"),
        ("x\n</think>\na", "a"),
        ("[THINK]x[/THINK]a", "a"),
        ("<seed:think>x</seed:think>a", "a"),
        ("close it with </think> in the template", "close it with </think> in the template"),
        ("<think>x</think>write <think> first", "write <think> first"),
    ],
)
def test_thoughts_go_where_it_is_clear_what_they_are(reply: str, said: str) -> None:
    assert without_thoughts(reply) == said


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        ("<think>x", "breaks off while thinking; allow it more tokens"),
        ("<think>x</think>y</think>z", "not clear where the thoughts of the reply end"),
        ("<think>x</think> ", "the reply is empty"),
        ("a\ud800", r"half a character \(U\+D800\)"),
    ],
)
def test_thoughts_without_an_end_and_empty_replies_are_refused(reply: str, complaint: str) -> None:
    with pytest.raises(OutputParseError, match=complaint):
        without_thoughts(reply)


def test_blocks_are_found_as_commonmark_has_them() -> None:
    found = blocks("a\n```Python title=x\n1\n```\n~~~~\n```\n~~~\n~~~~~\n```\nopen")
    assert [(block.language, block.content, block.whole) for block in found] == [
        ("python", "1", True),
        ("", "```\n~~~", True),
        ("", "open", False),
    ]
    assert blocks("```\n```")[0].content == ""
    assert blocks("```")[0] == ("", "", 0, 3, False)
    assert blocks("```js one line```") == []


def test_the_only_block_is_whole_and_alone() -> None:
    block = only_block("a\n```\n1\n```\nb")
    assert block is not None
    assert block.content == "1"
    assert only_block("```\n1") is only_block("```\n1\n```\n```\n2\n```") is only_block("1") is None


def test_a_first_line_with_a_colon_announces_the_rest() -> None:
    assert announced("Here it is：\n\n[1]") == "[1]"
    assert announced("Here it is:") == "Here it is:"
    assert announced("one\ntwo:\nthree") == "one\ntwo:\nthree"


@pytest.mark.parametrize(
    ("said", "plain"),
    [('"a"', "a"), ("“a”", "a"), ('"a" and "b"', '"a" and "b"'), ('"', '"'), ("**a**", "a"), ("a", "a")],
)
def test_quotes_go_where_they_stand_around_all(said: str, plain: str) -> None:
    assert unquoted(said) == plain
