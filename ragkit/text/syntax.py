"""What a definition, a comment and a string look like in the languages that are cut at definitions: one table.

Each is a pattern or two rather than a grammar, so that broken, old and half-finished files are read as well as sound
ones, and no file takes more than linear time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["SYNTAXES", "Syntax"]


@dataclass(frozen=True, slots=True)
class Syntax:
    """How one family of languages is read."""

    define: re.Pattern[str] | None = None
    """Matches the first line of a definition from its first sign on; the one group that took part is its name, and a
    group called `depth` gives, by its length, the level of a heading."""
    quiet: re.Pattern[str] | None = None
    """Matches comments and strings, in which nothing is a definition; an unclosed one reaches to its line's end or to
    the end of the text, so that no sign is looked at twice."""
    flat: bool = False
    """Whether a definition reaches to the next one; else it ends where the indentation goes back."""
    prose: bool = False
    """Whether the text between is read as sentences and paragraphs; else as lines of code."""


# Strings end with their line at the latest; the possessive quantifier gives nothing back.
_DOUBLE = r'"(?:[^"\\\n]|\\[\s\S])*+(?:"|$|\Z)'
_SINGLE = r"'(?:[^'\\\n]|\\[\s\S])*+(?:'|$|\Z)"
_BACKTICK = r"`(?:[^`\\]|\\[\s\S])*+(?:`|\Z)"
_SLASHES = r"//[^\n]*|/\*[\s\S]*?(?:\*/|\Z)"
_HASH = r"\#[^\n]*"
_TRIPLE = r'"""[\s\S]*?(?:"""|\Z)|' + r"'''[\s\S]*?(?:'''|\Z)"
_LETTER = r"'(?:[^'\\\n]|\\[^\n]{1,8})'"  # in Rust and C a lone quote may begin no string

_NO_STATEMENT = (
    r"(?!(?:return|else|new|throw|if|for|foreach|while|do|switch|case|catch|using|delete|await|yield|lock|synchronized"
    r"|goto|sizeof|typedef|assert|co_return|co_await|package|import|try|with|function)\b)"
)
_TYPES = r"(?:class|interface|enum|struct|record|namespace|trait|object|protocol|extension|union|module|actor)"
_MODIFIERS = r"(?:(?:[a-z_]+|@\w+)\s+){0,6}?"


def _syntax(define: str = "", *quiet: str, flat: bool = False, prose: bool = False, flags: int = 0) -> Syntax:
    return Syntax(
        define=re.compile(define, flags) if define else None,
        quiet=re.compile("|".join(quiet), re.MULTILINE) if quiet else None,
        flat=flat,
        prose=prose,
    )


SYNTAXES: Mapping[str, Syntax] = {
    "lines": _syntax(),
    "python": _syntax(r"(?:(?:async\s+)?def|class)\s+(\w+)", _TRIPLE, _DOUBLE, _SINGLE, _HASH),
    "javascript": _syntax(
        rf"(?:(?:export|default|declare|abstract|async)\s+)*(?:function\b\s*\*?|{_TYPES}\s|type\s)\s*([\w$]+)"
        r"|(?:export\s+)?(?:const|let|var)\s+([\w$]+)[^=\n]{0,80}=\s*(?:async\b\s*)?(?:function\b|\(.*=>|[\w$]+\s*=>)"
        rf"|{_NO_STATEMENT}(?:(?:public|private|protected|static|async|readonly|override|abstract|get|set)\s+)*"
        r"[*#]?([\w$]+)\s*(?:<[^>]*>)?\([^;]*\)[^;=]*\{",
        _SLASHES,
        _DOUBLE,
        _SINGLE,
        _BACKTICK,
    ),
    "c": _syntax(
        rf"(?:template\s*<.*>\s*)?(?:(?:typedef|static|inline|export|final|public|private|protected|internal|abstract"
        rf"|sealed|partial|unsafe|readonly|strictfp)\s+)*{_TYPES}\s+(?:class\s+)?([\w:.]+)(?!.*;\s*$)"
        rf"|{_NO_STATEMENT}(?:[\w:<>,&*\[\]?.@]+\s+){{1,8}}[*&]*([\w:~]+)\s*\((?!.*;\s*$)"
        r"|((?:\w+::)+~?\w+|~\w+)\s*\((?!.*;\s*$)|([A-Z]\w+)\s*\([^;]*\)[^;]*\{\s*$",
        _SLASHES,
        _DOUBLE,
        _LETTER,
    ),
    "go": _syntax(
        r"func\s+(?:\([^)]*\)\s*)?(\w+)|type\s+(\w+)\s+(?:struct|interface|func)", _SLASHES, _DOUBLE, _SINGLE, _BACKTICK
    ),
    "rust": _syntax(
        r"(?:pub(?:\([^)]*\))?\s+)?(?:(?:async|const|unsafe|extern|default)\s+)*"
        r"(?:fn|struct|enum|trait|mod|union|macro_rules!)\s+(\w+)|(impl\b[^{]{0,100}[^{\s])",
        _SLASHES,
        _DOUBLE,
        _LETTER,
    ),
    "ruby": _syntax(r"(?:def|class|module)\s+([\w.:?!=]+)", _HASH, _DOUBLE, _SINGLE),
    "php": _syntax(
        r"(?:(?:final|abstract|public|private|protected|static|readonly)\s+)*"
        r"(?:function\s+&?|class\s+|interface\s+|trait\s+|enum\s+|namespace\s+)([\w\\]+)",
        _SLASHES,
        _HASH,
        _DOUBLE,
        _SINGLE,
    ),
    "kotlin": _syntax(
        rf"{_MODIFIERS}(?:fun|class|interface|object)\s+(?:<[^>]*>\s*)?([\w.]+)", _TRIPLE, _SLASHES, _DOUBLE, _LETTER
    ),
    "swift": _syntax(
        rf"{_MODIFIERS}(?:(?:func|class|struct|enum|protocol|extension|actor)\s+([\w.]+)|(init)\b)",
        _TRIPLE,
        _SLASHES,
        _DOUBLE,
    ),
    "scala": _syntax(rf"{_MODIFIERS}(?:def|class|object|trait|enum)\s+(\w+)", _TRIPLE, _SLASHES, _DOUBLE, _LETTER),
    "shell": _syntax(r"function\s+([\w:.-]+)|([\w:.-]+)\s*\(\s*\)", r"(?<!\S)\#[^\n]*"),
    "sql": _syntax(
        r"(?:create|alter)\s+(?:or\s+replace\s+)?(?:\w+\s+){0,3}?(?:table|view|function|procedure|trigger|index|type"
        r"|schema)\s+(?:if\s+(?:not\s+)?exists\s+)?([\w.\"\[\]`]+)",
        r"--[^\n]*",
        r"/\*[\s\S]*?(?:\*/|\Z)",
        _SINGLE,
        flat=True,
        flags=re.IGNORECASE,
    ),
    "lua": _syntax(r"(?:local\s+)?function\s+([\w.:]+)", r"--\[\[[\s\S]*?(?:\]\]|\Z)", r"--[^\n]*", _DOUBLE, _SINGLE),
    "yaml": _syntax(r"([^\s#:'\"\-?&*!|>%@`{\[][^:#]{0,100}):\s*$", _HASH),
    "ini": _syntax(r"\[{1,2}([^\]\n]+)\]{1,2}\s*$", flat=True),
    "latex": _syntax(
        r"\\(?:part|chapter|(?:sub){0,2}section|paragraph)\*?\{(.+)\}", r"(?<!\\)%[^\n]*", flat=True, prose=True
    ),
    "asciidoc": _syntax(r"(?P<depth>={1,6})\s+(\S.*)", r"^-{4,}\n[\s\S]*?(?:^-{4,}$|\Z)", flat=True, prose=True),
}
"""By name; `lines` is text that is cut between its lines and has no definitions, such as a log."""
