from __future__ import annotations

import pytest

from ragkit.models.local.tools.families import HERMES, LLAMA, MISTRAL, MISTRAL_NAMED, ToolFamily, family_of

LLAMA_3 = "{{ '<|start_header_id|>' }}{% if tools %}Respond with {'name': …, 'parameters': …}{% endif %}"


@pytest.mark.parametrize(
    ("template", "family"),
    [
        ("{% if tools %}<tools>{% endif %}<tool_call>\n{{ call | tojson }}\n</tool_call>", HERMES),
        (LLAMA_3, LLAMA),
        ("[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS][TOOL_CALLS] [", MISTRAL),
        ("[TOOL_CALLS]{{ name }}[ARGS]{{ arguments }}", MISTRAL_NAMED),
        ("{{ '<|start_header_id|>' + message.role }}", None),
        ("<tool_call>\n<function={{ name }}>\n<parameter=x>", None),
        ("{{ message.content }}", None),
        ("", None),
        (None, None),
    ],
)
def test_a_family_is_told_by_the_marks_in_the_chat_template(template: str | None, family: ToolFamily | None) -> None:
    assert family_of(template) is family


def test_marks_are_what_decoding_must_keep() -> None:
    assert HERMES.marks == ("<tool_call>", "</tool_call>")
    assert LLAMA.marks == ("<|python_tag|>",)
