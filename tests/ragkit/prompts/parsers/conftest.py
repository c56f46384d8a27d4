from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest

SCRIPTS = (
    "إيجابي",
    "ポジティブ",
    "положительный",
    "सकारात्मक",
    "積極",
    "\u202eevitisop\u202c",
    "pos\u200bitive",
    "🙂🙃",
)
CHATTER = ("Sure! ", "I think that ", "As an AI, I cannot say. ", "Let me see… ", "Note: ")
BROKEN = (
    "", " ", "\n\n", "null", "true", "0", "[]", "{}", "[[]]", "{[}]", "[1, 2", '{"a"', '{"a":', '{"a": 1,}', "NaN",
    "Infinity", "-Infinity", '{"a": NaN}', "1e999", '{"n": 1e999}', "9" * 5000, '{"n": ' + "9" * 5000 + "}", "-" * 90,
    "\x00", "\x00\x01\x02\x1b[31mred", "\ud800", "\udfff text", '"\\ud800"', '{"entities": [{"text": "\\udc00"}]}',
    "<think>", "<think>never closed", "</think>", "a</think>b", "<think></think>", "<think>a<think>b</think>c</think>d",
    "```", "```json", "```json\n", "```\n```", "```python\n", "~~~\n~~~", "``` ```",
    "```json\n{}\n```\n```json\n{}\n```",
    "[" * 100_000, "{" * 100_000, '{"a":' * 50_000, "(" * 100_000, "-" * 100_000 + "1", "a+" * 60_000 + "a",
    "\\" * 9999, '"' * 9999, '"' + "\\" * 9999, '"\\u12', "'" * 99, "`" * 5000, "* " * 5000, "-\n" * 5000, ",;" * 5000,
    '{"a": 1, "a": 2}', '{"entities": [], "entities": []}', '{"labels": ["a"], "labels": []}', "\ufeff{}", "{'a': 1}",
    "<tool_call>{}</tool_call>", "<|im_end|>", "[INST] no [/INST]", "{{text}}", "{% for %}", "x" * 1_000_000,
    "[1," * 300_000, " " * 1_000_000, "\n" * 1_000_000, '{"entities": "' + "e" * 1_000_000 + '"}',
    "\r\r\n\u2028\u2029\x85",
)  # fmt: skip


@pytest.fixture(scope="session")
def malformed() -> Callable[[str], list[str]]:
    """From a reply that can be read to more than 200 that were spoiled in one way each, always the same ones."""

    def spoiled(reply: str) -> list[str]:
        draw = random.Random(len(reply))
        cut = [reply[: draw.randrange(len(reply))] for _ in range(40)]
        mixed = ["".join(draw.sample(reply, len(reply))) for _ in range(20)]
        swapped = [
            reply.replace(sign, other) for sign in '"{}[]:,\n' for other in ("", "'", "\x07", "\ud83d", "]", "٣")
        ]
        around = [text + reply for text in CHATTER] + [reply + text for text in CHATTER + SCRIPTS]
        return [*BROKEN, *SCRIPTS, *cut, *mixed, *swapped, *around, reply * 2, *(json.dumps(text) for text in SCRIPTS)]

    return spoiled
