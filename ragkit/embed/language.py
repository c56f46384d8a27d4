"""Is a text written in something else than English? By its script and function words; no model, no dictionary.

It answers one question only: whether to warn that a model which reads English is given another language. It would
rather say nothing than be wrong: short texts, names, tables, code and formulas are no evidence.

`python -m evals.language` measures it: 5 of 14,613 English texts were called foreign; of German and Spanish paragraphs
98 % or more were found, of single questions 84 % (German) and 97 % (Spanish).
"""

from __future__ import annotations

import re
import warnings
from collections import Counter, defaultdict
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from ragkit.errors import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["MULTILINGUAL_CHOICE", "LanguageWarning", "foreign_language", "warn_if_foreign"]

MULTILINGUAL_CHOICE = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
"""What the warning names: 50 languages, 384 dimensions, one hub id away."""

_LOOKED_AT = 32
_CHARS = 600
_SHARE_TO_WARN = 0.05
_WORD = re.compile(r"[^\W\d_]+")

# First letters of the blocks of scripts that are not Latin, in order, with the name of the script.
_SCRIPTS = (
    (0x0370, "Greek"),
    (0x0400, "Cyrillic"),
    (0x0530, "Armenian"),
    (0x0590, "Hebrew"),
    (0x0600, "Arabic"),
    (0x0780, "another script"),
    (0x0900, "Devanagari"),
    (0x0980, "an Indian script"),
    (0x0E00, "Thai"),
    (0x0E80, "another script"),
    (0x1100, "Korean"),
    (0x1200, "another script"),
    (0x1E00, ""),  # Latin with marks: Vietnamese
    (0x1F00, "Greek"),
    (0x2000, ""),  # punctuation, symbols, letter-like signs
    (0x3040, "Japanese"),
    (0x3130, "Korean"),
    (0x3190, "Chinese or Japanese"),
    (0xA000, "another script"),
    (0xAC00, "Korean"),
    (0xD7B0, ""),
    (0xF900, "Chinese or Japanese"),
    (0xFB00, ""),
)


class LanguageWarning(UserWarning):
    """A model that reads one language is given another."""


class _FunctionWords(NamedTuple):
    english: frozenset[str]
    own: dict[str, tuple[str, ...]]
    """Languages whose prose uses a word that English does not."""
    shared: dict[str, tuple[str, ...]]
    """Languages that use a word which stands in English names and loans too."""


def foreign_language(text: str) -> str | None:
    """Name the language or script of a text that is clearly not English.

    Looks at the first 600 characters. Another script must have a third of the letters; a language in Latin letters
    needs two different function words, one of them used by no English text, more than one word in twelve, and twice as
    many as English has.

    Returns:
        A name such as `German` or `Cyrillic`; None for English and for anything uncertain.

    Example:
        >>> foreign_language("Der Vertrag ist nicht von beiden Seiten unterschrieben.")
        'German'
        >>> foreign_language("The treaty was signed in Berlin by both sides.") is None
        True
    """
    head = text[:_CHARS]
    if not head.isascii() and (script := _script(head)):
        return script
    known = _function_words()
    words = Counter(_WORD.findall(head.lower()))
    own, shared = _tally(words, known.own), _tally(words, known.shared)
    if not own:
        return None
    name = max(own, key=lambda language: (own[language].total() + shared[language].total(), language))
    most = own[name].total() + shared[name].total()
    english = sum(times for word, times in words.items() if word in known.english)
    enough = len(own[name]) + len(shared[name]) >= 2 and most * 12 > words.total() and most >= 2 * english
    return name if enough else None


def warn_if_foreign(texts: Sequence[str], *, model: str, stacklevel: int = 1) -> None:
    """Warn when some of the first 32 texts are clearly not English: one of twenty, and at least one.

    Costs 10 microseconds for a question, 100 for a paragraph. A few foreign texts among many English ones, or later
    ones, are not told. `stacklevel` 1 names the caller of this function as the place, 2 its caller.
    """
    found = Counter(name for text in texts[:_LOOKED_AT] if (name := foreign_language(text)))
    if found and found.total() >= _SHARE_TO_WARN * len(texts[:_LOOKED_AT]):
        warnings.warn(
            f"text looks like {found.most_common(1)[0][0]}, and {shorten(model)} reads English: results will be poor; "
            f"choose a multilingual model such as {MULTILINGUAL_CHOICE}.",
            LanguageWarning,
            stacklevel=stacklevel + 1,
        )


def _tally(words: Counter[str], languages: Mapping[str, tuple[str, ...]]) -> defaultdict[str, Counter[str]]:
    """Count, for each language, its words that occur."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for word, times in words.items():
        for name in languages.get(word, ()):
            found[name][word] += times
    return found


@cache
def _function_words() -> _FunctionWords:
    """Read `function_words.txt`."""
    rows = files("ragkit.embed").joinpath("function_words.txt").read_text(encoding="utf-8").splitlines()
    lists = {name: both.split("|") for name, _, both in (row.partition(":") for row in rows if row[0] != "#")}
    english = frozenset(lists.pop("English")[0].split())
    own: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    shared: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for name, (telling, common) in lists.items():
        for word in telling.split():
            own[word] += (name,)
        for word in common.split():
            shared[word] += (name,)
    return _FunctionWords(english, dict(own), dict(shared))


def _script(text: str) -> str:
    """Name the script, other than Latin, that has a third of the letters; empty when none has."""
    letters = [ord(character) for character in text if character.isalpha()]
    scripts = Counter(_script_of(letter) for letter in letters if letter >= 0x0370)
    scripts.pop("", None)
    if not scripts or scripts.total() * 3 < len(letters) or scripts.total() < 2:
        return ""
    return "Japanese" if scripts["Japanese"] else scripts.most_common(1)[0][0]


def _script_of(letter: int) -> str:
    return next((name for first, name in reversed(_SCRIPTS) if letter >= first), "")
