from __future__ import annotations

from typing import Any

import pytest

from ragkit.errors import ConfigError, OutputParseError
from ragkit.prompts.parsers.code import code_parser


@pytest.mark.parametrize(
    "reply",
    [
        "```python\nx = 1\n```",
        "x = 1",
        "Here it is:\n\n```py\nx = 1\n```\n\nIt sets x.",
        "First:\n```bash\npip install x\n```\nthen\n```python\nx = 1\n```",
        "```\nx = 1\n\n```",
    ],
)
def test_the_one_program_is_found(reply: str) -> None:
    assert code_parser("python").parse(reply) == "x = 1\n"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("```python\nx = 1\n```\nor\n```python\nx = 2\n```", "has 2 blocks that may be the program"),
        ("```bash\nls\n```", "has 0 blocks that may be the program"),
        ("```python\nx = = 1\n```", r"cannot be read: invalid syntax \(line 1\)"),
        ("```python\nx = 1", "breaks off inside a block"),
        ("```python\nx = 1\n```\nthen\n```python\ny =", "breaks off inside a block"),
        ("```python\n\n```", "block of python is empty"),
        ("Sorry", "bare words are no program"),
        ("Sorry, no", "bare words are no program"),
        ("this is impossible", "bare words are no program"),
        ("Note: impossible", "bare words are no program"),
        ("```python\nreturn 5\n```", r"'return' outside function \(line 1\)"),
        (
            "```python\ndef f(key, key): pass\n```",
            r"duplicate (argument|parameter) a name in function definition \(line 1\)",
        ),
        ("I cannot write that.", "invalid syntax"),
        ("```python\n# nothing\n```", "holds no statement"),
        ("```python\n" + "-" * 90_000 + "1\n```", "MemoryError|RecursionError"),
        ("x = 1\n" * 20_000, "more than 100,000 characters"),
    ],
)
def test_what_is_no_program_is_refused(reply: str, said: str) -> None:
    with pytest.raises(OutputParseError, match=said) as caught:
        code_parser("python").parse(reply)
    assert caught.value.raw_output == reply


def test_doubtful_escapes_are_no_error_of_syntax() -> None:
    assert code_parser("py").parse("```python\nx = '\\d'\n```") == "x = '\\d'\n"


def test_a_language_that_is_not_checked_needs_its_block() -> None:
    assert code_parser("sql").parse("```sql\nSELECT 1\n```") == "SELECT 1\n"
    assert code_parser("C++").language == code_parser("cpp").language == "c++"
    with pytest.raises(OutputParseError, match="has no block of sql"):
        code_parser("sql").parse("SELECT 1")


def test_json_is_code_whose_syntax_is_checked() -> None:
    assert code_parser("json").parse('{"a": 1}') == '{"a": 1}\n'
    with pytest.raises(OutputParseError, match="the json cannot be read: the reply is no JSON"):
        code_parser("json").parse("```json\n{\n```")


@pytest.mark.parametrize("language", ["", "visual basic", None])
def test_a_language_is_one_word(language: Any) -> None:
    with pytest.raises(ConfigError, match="a language is one word"):
        code_parser(language)
