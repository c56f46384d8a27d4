from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ragkit
from ragkit.text.chunk import chunk
from ragkit.text.definitions import definitions
from ragkit.text.syntax import SYNTAXES

PYTHON = '''"""Docs."""
import os

# Above.
@decorated(
    1
)
class Cat:
    """A cat.

def not_this(): pass
    """

    def sleep(
        self,
    ) -> None:
        def dream():
            return "class No:"
        dream()

    lives = 9

print(Cat)
'''


def sections(text: str, syntax: str) -> list[tuple[int, tuple[str, ...], str]]:
    return [
        (part.level, part.path, text[part.blocks[0].start : part.blocks[-1].end].split("\n")[0].strip())
        for part in definitions(text, syntax)
    ]


def test_python_is_cut_at_definitions_and_goes_on_after_them() -> None:
    assert sections(PYTHON, "python") == [
        (0, (), '"""Docs."""'),
        (1, ("Cat",), "class Cat:"),
        (2, ("Cat", "sleep"), "def sleep("),
        (3, ("Cat", "sleep", "dream"), "def dream():"),
        (3, ("Cat", "sleep"), "dream()"),
        (2, ("Cat",), "lives = 9"),
        (1, (), "print(Cat)"),
    ]


def test_decorators_and_comments_directly_above_belong_to_a_definition() -> None:
    text = "x = 1\n\n# About f.\n@cached\ndef f():\n    pass\n"
    assert sections(text, "python")[1] == (1, ("f",), "# About f.")


def test_a_syntax_error_changes_nothing_else() -> None:
    assert [path for _, path, _ in sections("def f(:\n  ???\nclass A\n  def g(\n", "python")] == [
        ("f",),
        ("A",),
        ("A", "g"),
    ]


@pytest.mark.parametrize(
    ("syntax", "text", "paths"),
    [
        (
            "javascript",
            "import x;\n\nexport class A {\n  async go(a) {\n    if (a) {\n    }\n  }\n}\nconst f = (x) => {\n};\n",
            [(), ("A",), ("A", "go"), ("f",)],
        ),
        ("c", "#include <a>\nint add(int a,\n        int b)\n{\n  return a;\n}\nint n = 1;\n", [(), ("add",), ()]),
        (
            "c",
            "public class A {\n    // sum\n    public int add(int a) {\n        return b(a);\n    }\n}\n",
            [("A",), ("A", "add")],
        ),
        ("go", "package a\n\ntype T struct {\n\tx int\n}\n\nfunc (t *T) Go() {\n}\n", [(), ("T",), ("Go",)]),
        ("rust", "#[derive(X)]\npub struct A;\nimpl B for A {\n    pub fn go(&'a self) {}\n}\n", None),
        ("ruby", "module A\n  class B\n    def c?\n    end\n  end\nend\n", [("A",), ("A", "B"), ("A", "B", "c?")]),
        ("php", "<?php\nfinal class A {\n    public function b() {\n    }\n}\n", [(), ("A",), ("A", "b")]),
        ("kotlin", "data class A(val x: Int) {\n    fun b() = 1\n}\n", [("A",), ("A", "b")]),
        ("swift", "struct A {\n    func b() {}\n}\n", [("A",), ("A", "b")]),
        ("scala", "object A {\n  def b = 1\n}\n", [("A",), ("A", "b")]),
        ("shell", "#!/bin/sh\nset -e\ngo() {\n  ls # go() {\n}\ngo\n", [(), ("go",), ()]),
        ("sql", "-- x\nCREATE TABLE IF NOT EXISTS a (\n  b int\n);\nselect 1;\n", [("a",)]),
        ("lua", "local function a()\nend\n", [("a",)]),
        ("yaml", "a: 1\nserver:\n  tls:\n    key: x\n", [(), ("server",), ("server", "tls")]),
        ("ini", "x = 1\n[a.b]\ny = 2\n", [(), ("a.b",)]),
        ("latex", "Intro.\n\\section{One}\nText.\n", [(), ("One",)]),
        ("asciidoc", "= Doc\nText.\n\n== One\n\nMore.\n\n== Two\n\nEnd.", [("Doc",), ("Doc", "One"), ("Doc", "Two")]),
    ],
)
def test_other_languages_are_cut_at_their_definitions(
    syntax: str, text: str, paths: list[tuple[str, ...]] | None
) -> None:
    expected = paths if paths is not None else [("A",), ("impl B for A",), ("impl B for A", "go")]
    assert [path for _, path, _ in sections(text, syntax)] == expected


def test_levels_of_asciidoc_are_those_of_its_signs() -> None:
    assert [part.level for part in definitions("= A\n\n== B\n\n=== C\n\n== D", "asciidoc")] == [1, 2, 3, 2]


def test_definitions_deeper_than_six_belong_to_the_sixth() -> None:
    text = "".join("  " * depth + f"def f{depth}():\n" for depth in range(9))
    assert max(len(part.path) for part in definitions(text, "python")) == 6


def test_python_is_outlined_as_its_own_parser_does() -> None:
    def expected(node: ast.AST, path: tuple[str, ...]) -> list[tuple[str, ...]]:
        found = []
        for child in ast.iter_child_nodes(node):
            inner = path
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = (*path, child.name)
                found.append(inner)
            found += expected(child, inner)
        return found

    files = sorted(Path(ragkit.__file__).parent.rglob("*.py"))
    assert len(files) > 50
    for file in files:
        text = file.read_text("utf-8")
        found = [part.path for part in definitions(text, "python") if part.title]
        assert found == expected(ast.parse(text), ()), file


def test_chunks_of_code_carry_the_definitions_around_them() -> None:
    found = chunk(PYTHON, lambda text: len(text.split()), max_tokens=12, syntax="python")
    assert ("Cat", "sleep") in [piece.headings for piece in found]
    assert PYTHON[found[-1].start : found[-1].end] == "print(Cat)"


@given(
    st.text("adef clas:(){}[]#'\"\\\n\t@/*=-`", max_size=200),
    st.sampled_from(sorted(SYNTAXES)),
    st.integers(3, 20),
)
def test_chunks_of_any_code_hold_all_of_it_in_order(text: str, syntax: str, max_tokens: int) -> None:
    at = 0
    for piece in chunk(text, lambda part: len(part), max_tokens=max_tokens, overlap=0, syntax=syntax):
        assert not text[at : piece.start].strip()
        assert len(text[piece.start : piece.end]) <= max_tokens
        at = piece.end
    assert not text[at:].strip()


@pytest.mark.usefixtures("hang_guard")
@pytest.mark.parametrize(
    "sign", ["\n", " ", '"', '\\"', "/*", "(", "a ", "class ", "def a\n", "{", "`", "a::", "a(", "=>"]
)
def test_the_work_grows_with_the_text_only(sign: str) -> None:
    text = '"' + sign * (50_000 // len(sign))
    for syntax in SYNTAXES:
        definitions(text, syntax)
