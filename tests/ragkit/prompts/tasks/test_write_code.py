from __future__ import annotations

import pytest

from ragkit.errors import OutputParseError
from ragkit.prompts.tasks.write_code import write_code
from ragkit.testing import ScriptedChatModel


def test_the_language_stands_in_the_instruction_and_bounds_the_replies() -> None:
    system, user = (str(message.content) for message in write_code(language="rust").render("Print {x}."))
    assert "in one block that begins with ```rust, and nothing else" in system
    assert user == "Task: Print {x}.\nProgram:"
    assert write_code(language="rust").parse("```rust\nfn main() {}\n```") == "fn main() {}\n"


def test_a_program_that_python_cannot_read_is_refused() -> None:
    model = ScriptedChatModel(["Here:\n```python\nprint(1)\n```", "```python\nprint(\n```"])
    coder = write_code().runnable(model)
    assert coder.invoke("Print 1.") == "print(1)\n"
    with pytest.raises(OutputParseError, match="the python cannot be read: '\\(' was never closed"):
        coder.invoke({"task": "Print 1."})
