"""No text that a model reads stands in code: prompts are files of `ragkit/prompts/texts`.

Seen from the syntax tree: literals that become a message, and literals that read like an instruction to a model.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import ragkit

ROOM = Path(ragkit.__file__).parent
MESSAGES = {"SystemMessage", "HumanMessage", "AIMessage", "ChatMessage", "Message", "Section"} | {
    f"{role}MessagePromptTemplate" for role in ("System", "Human", "AI", "Chat")
}
ROLES = {"system", "user", "human", "assistant", "ai", "developer", "slot"}
PROBES = {"zebra seven"}  # shows where a chat template puts a message; no model reads it
FROM = {"from_template", "from_messages"}
# What one says to a model, and hardly ever to a person who reads an error, a report or a help page.
INSTRUCTION = re.compile(
    r"\byou(?:'re| are) (?:an? |the |now |given |shown )|\byou (?:will be|must|should|may|check|write) "
    r"|\byour (?:task|job|role|reply|response|answer) (?:is|must|should|will)\b"
    r"|\b(?:reply|answer|respond|return) (?:only|with|in|using|the question)\b[^.]{0,40}\b"
    r"(?:json|alone|label|word|sentence)"
    r"|(?<!not )\b(?:answer|use) (?:the|this|these) (?:question|following|context|passages|sources|documents)\b"
    r"|\b(?:based on|given) (?:the|this|these) (?:following|context|passages|sources|documents)\b"
    r"|\b(?:translate|summari[sz]e|classify|rewrite|rephrase|paraphrase) (?:the|this|these|it)\b"
    r"|\b(?:the|this) (?:text|question|answer|passage|conversation|context) (?:below|above)\b"
    r"|\bstep by step\b|\bas an? (?:helpful|expert|careful)\b|\bdo not (?:explain|make up|add anything)\b"
    r"|\bwrite (?:the|one|a|an) (?:question|answer|summary|sentence|passage)\b|\bthink (?:carefully|about)\b",
    re.IGNORECASE | re.DOTALL,
)
WORDS = 5
PEOPLE = {"warn", "warning", "info", "debug", "command", "compile"}


def prompt_texts(source: str) -> Iterator[tuple[int, str]]:
    """Give line and text of every literal that is or reads like a prompt."""
    nodes = list(ast.walk(ast.parse(source)))
    told = _not_for_models(nodes)
    named = {
        target.id: node.value
        for node in nodes
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    for node in nodes:
        if isinstance(node, ast.Call | ast.Tuple | ast.Dict):
            for part in _contents(node):
                said = _said(named.get(part.id, part) if isinstance(part, ast.Name) else part)
                if re.search(r"[^\W\d_]{2}", re.sub(r"<[^>]*>", "", said)) and said not in ROLES | PROBES:
                    yield node.lineno, said
        elif isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp) and id(node) not in told:
            said = _said(node)
            if len(said.split()) >= WORDS and INSTRUCTION.search(said):
                yield node.lineno, said


def _contents(node: ast.Call | ast.Tuple | ast.Dict) -> list[ast.expr]:
    """Give what a message is made of: of calls, of pairs such as ("system", …), of dicts with role and content."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in MESSAGES | FROM:
            return [*node.args, *(part.value for part in node.keywords if part.arg in ("content", "text", "prompt"))]
        case ast.Tuple(elts=[ast.Constant(value=str(role)), content]) if role in ROLES:
            return [content] if len(_said(content).split()) > 1 or isinstance(content, ast.Name) else []
        case ast.Dict() if any(isinstance(key, ast.Constant) and key.value == "role" for key in node.keys):
            pairs = zip(node.keys, node.values, strict=True)
            return [value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "content"]
    return []


def _said(node: ast.AST) -> str:
    """Give the words of a literal, with what is put into it left out; nothing for anything else."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(_said, parts))
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
            return _said(left) + _said(right)
        case ast.Call(func=ast.Attribute(value=ast.Constant() | ast.JoinedStr() as text)):
            return _said(text)  # "…".format(…), "…".strip()
    return ""


def _not_for_models(nodes: Sequence[ast.AST]) -> set[int]:
    """Give the literals that people read: docstrings, what is raised or warned, and help of the command line."""
    found: set[int] = set()
    for node in nodes:
        people = isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            people = name.endswith(("Error", "Warning", "Option", "Argument", "Typer", "Flaw")) or name in PEOPLE
        if people:
            found.update(id(inner) for inner in ast.walk(node))
    return found


def test_no_prompt_text_stands_in_code() -> None:
    found = [
        f"{path.relative_to(ROOM.parent)}:{line}: {said[:80]!r}"
        for room in (ROOM, ROOM.parent / "evals", ROOM.parent / "apps")
        for path in sorted(room.rglob("*.py"))
        if "testing" not in path.parts
        for line, said in prompt_texts(path.read_text(encoding="utf-8"))
    ]
    assert not found, "write it into ragkit/prompts/texts and load it:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "code",
    [
        'SystemMessage("Be brief.")',
        'messages.HumanMessage(content=f"Question: {question}")',
        'Message("user", "Go on.")',
        'SAID = "Be brief."\nSystemMessage(SAID)',
        'chat = [("system", "Be brief."), ("user", question)]',
        'chat = [{"role": "system", "content": "Be brief."}]',
        'ChatPromptTemplate.from_template("Tell {x} of it.")',
        'Section("system", "Be brief.")',
        'ask("Answer the question from the passages, in one or two sentences.")',
        '_HEAD = """You are a helpful assistant.\\nUse the tools."""',
        'text = "Say which label fits. " + "Reply with the label alone, please."',
        'prompt = f"Translate the sentence from {a} to {b}."',
        'prompt = "Write the one question that the answer below answers.".format()',
        'wanted = f"Your reply must be JSON of this schema: {form}"',
        'x = "Given the following conversation, %s" % turns',
    ],
)
def test_a_planted_prompt_is_caught(code: str) -> None:
    assert list(prompt_texts(code))


@pytest.mark.parametrize(
    "code",
    [
        'def f():\n    """You are a reader of this docstring, and it may be long."""',
        'raise ConfigError(f"answer the question {name} with JSON alone, please do.")',
        'speakers = ("user", "agent")',
        'roles = ("system", "user", "assistant")',
        "SystemMessage(rendered)",
        'Message("system", f"{first.content}\\n\\n{wanted}")',
        'query = "SELECT seq, at, crc, message FROM messages WHERE session = ? ORDER BY seq"',
        'note = "The difference is paired, and is the number to quote in reports."',
        'turn = {"role": "user", "content": text}',
    ],
)
def test_what_people_and_programs_read_is_left_alone(code: str) -> None:
    assert list(prompt_texts(code)) == []


def test_every_built_in_prompt_is_used_by_code() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in ROOM.rglob("*.py"))
    names = [path.stem for path in (ROOM / "prompts/texts").glob("*.md")]
    assert "sentiment" in names
    assert [name for name in names if f'"{name}"' not in code] == []
