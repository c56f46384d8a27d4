"""Source code and other files of lines: the text stays as it is written, so that every quote is a line of the file."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ragkit.ingest.document import LoadedDocument, SourceFile
from ragkit.ingest.encoding import decode
from ragkit.text.clean import normalise

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SYNTAX_BY_SUFFIX", "load_source"]

_SUFFIXES_BY_SYNTAX = {
    "python": ".py .pyi .pyx",
    "javascript": ".js .jsx .mjs .cjs .ts .tsx .mts .cts .vue .svelte",
    "c": ".c .h .cc .cpp .cxx .hh .hpp .hxx .cu .m .mm .java .cs .dart .proto",
    "go": ".go",
    "rust": ".rs",
    "ruby": ".rb",
    "php": ".php",
    "kotlin": ".kt .kts",
    "swift": ".swift",
    "scala": ".scala",
    "shell": ".sh .bash .zsh",
    "sql": ".sql",
    "lua": ".lua",
    "yaml": ".yaml .yml",
    "ini": ".ini .cfg .conf .toml .properties",
    "latex": ".tex",
    "asciidoc": ".adoc .asciidoc",
    "lines": ".log .xml",
}
SYNTAX_BY_SUFFIX: Mapping[str, str] = {
    suffix: syntax for syntax, suffixes in _SUFFIXES_BY_SYNTAX.items() for suffix in suffixes.split()
}
"""How each suffix is cut: a key of `ragkit.text.syntax.SYNTAXES`."""

_SAYS_NOTHING = frozenset({"__init__", "__main__", "index", "main", "mod", "lib", "package"})


def load_source(file: SourceFile, data: bytes) -> LoadedDocument:
    """Read a file of code, settings or other lines; the title is its name, with the folder's where that says more.

    A file without a word, as many an `__init__.py` is, gives a document without text: nothing is wrong with it.

    Raises:
        LoadError: If the bytes are no text.
    """
    path = PurePosixPath(file.name)
    return LoadedDocument(
        doc_id=file.name,
        text=normalise(decode(data, path=file.source)),
        source=file.source,
        title=path.name if path.stem.lower() not in _SAYS_NOTHING else "/".join(path.parts[-2:]),
        syntax=SYNTAX_BY_SUFFIX.get(path.suffix.lower(), "lines"),
    )
