"""A program, whose syntax is checked and which is never run."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from ragkit.errors import ConfigError, OutputParseError, shorten
from ragkit.prompts.parsers.reply import Block, blocks, without_thoughts
from ragkit.prompts.parsers.strict import read_json

__all__ = ["CodeParser", "code_parser"]

_MOST = 100_000  # characters; Python's own parser keeps no bound on what deep nesting costs it
_ALSO_CALLED: Mapping[str, frozenset[str]] = {
    "python": frozenset({"py", "python", "python3"}),
    "javascript": frozenset({"javascript", "js", "node"}),
    "typescript": frozenset({"ts", "typescript"}),
    "bash": frozenset({"bash", "sh", "shell", "zsh"}),
    "c++": frozenset({"c++", "cpp", "cxx"}),
    "c#": frozenset({"c#", "cs", "csharp"}),
    "go": frozenset({"go", "golang"}),
    "rust": frozenset({"rs", "rust"}),
    "ruby": frozenset({"rb", "ruby"}),
    "yaml": frozenset({"yaml", "yml"}),
}
_WARNINGS = Lock()
_NAME = re.compile(
    r"(?<=name )'\w+'|(?<=argument )'\w+'|(?<=parameter )'\w+'|(?<=nonlocal )'\w+'"
)  # the model's own words
_DOING = (
    *(ast.Assign, ast.AugAssign, ast.Call, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef),
    *(ast.ClassDef, ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match),
)


@dataclass(frozen=True, slots=True)
class CodeParser:
    """Takes a program in one language; see `code_parser`."""

    language: str

    @property
    def schema(self) -> None:
        """None: a program is free text."""
        return None

    def parse(self, reply: str, /, given: str | None = None) -> str:
        """Give the program, ending with a line end.

        The only block of the language (or without one) is the program, whatever is said around it. Without a block the
        whole reply is, where its syntax can be checked.

        Raises:
            OutputParseError: If there are several such blocks or none, or the syntax is wrong.
        """
        said = without_thoughts(reply)
        fenced = blocks(said)
        check = _CHECKS.get(self.language)
        if fenced and not fenced[-1].whole:
            raise OutputParseError("the reply breaks off inside a block; allow it more tokens", reply)
        if fenced:
            code = self._only(fenced, reply).content
        elif check is not None:
            code = said
        else:
            raise OutputParseError(f"the reply has no block of {self.language} between ``` lines", reply)
        if not code.strip():
            raise OutputParseError(f"the block of {self.language} is empty", reply)
        if check is not None and (wrong := check(code, bool(fenced))):
            raise OutputParseError(f"the {self.language} cannot be read: {wrong}", reply)
        return code.rstrip() + "\n"

    def _only(self, fenced: list[Block], reply: str) -> Block:
        names = _ALSO_CALLED.get(self.language, frozenset({self.language}))
        named = [block for block in fenced if block.language in names]
        bare = [block for block in fenced if not block.language]
        found = named or bare
        if len(found) != 1:
            expected = f"expected one of {self.language}"
            raise OutputParseError(f"the reply has {len(found)} blocks that may be the program; {expected}", reply)
        return found[0]


def code_parser(language: str) -> CodeParser:
    r"""Make a parser of code.

    Args:
        language: As after a fence, such as `python`; the syntax of Python and JSON is checked, without running it.

    Raises:
        ConfigError: If the name is empty or holds blanks.

    Example:
        >>> code_parser("python").parse("Here it is:\n```python\nx = 1\n```\nIt sets x.")
        'x = 1\n'
    """
    name = language.strip().lower() if isinstance(language, str) else ""
    if not name or len(name.split()) > 1:
        raise ConfigError(f"a language is one word, such as python, got {shorten(repr(language))}.")
    return CodeParser(next((known for known, names in _ALSO_CALLED.items() if name in names), name))


def _wrong_python(code: str, fenced: bool) -> str | None:
    if len(code) > _MOST:
        return f"it has more than {_MOST:,} characters"
    try:
        with _WARNINGS, warnings.catch_warnings():  # a doubtful escape is no error of syntax
            warnings.simplefilter("ignore")
            program = ast.parse(code)
            compile(program, "reply", "exec", dont_inherit=True)  # knows what the grammar does not: `return` outside
    except SyntaxError as error:
        return shorten(f"{_NAME.sub('a name', error.msg)} (line {error.lineno})")
    except (ValueError, RecursionError, MemoryError) as error:
        return shorten(f"{type(error).__name__} {error}")
    if not program.body:
        return "it holds no statement"
    return None if fenced or any(map(_does_something, ast.walk(program))) else "bare words are no program"


def _does_something(node: ast.AST) -> bool:
    """Tell a program from prose that happens to be Python, such as `Sorry, no` or `Note: impossible`."""
    return isinstance(node, _DOING) or (isinstance(node, ast.AnnAssign) and node.value is not None)


def _wrong_json(code: str, fenced: bool) -> str | None:
    try:
        read_json(code)
    except OutputParseError as error:
        return str(error)
    return None


_CHECKS: Mapping[str, Callable[[str, bool], str | None]] = {"python": _wrong_python, "json": _wrong_json}
