"""The terms of a text, as BM25 counts them: the same for documents and queries."""

from __future__ import annotations

import itertools
import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256

import snowballstemmer

from ragkit.errors import ConfigError, shorten
from ragkit.text.stopwords import STOP_WORDS

__all__ = ["Analyser"]

_REVISION = 1  # raise it with every change that gives other terms for the same fields
_MEMO_SIZE = 50_000
_MEMO_CHARS = 40

# Marks that belong to the word they stand in, though `\w` does not know them: accents, points, vowel signs, joiners.
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf-\u05c2\u05c4-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u0711\u0730-\u074a\u07a6-\u07b0\u0900-\u0963\u0970-\u0df3\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u200c\u200d"
)
# Scripts without spaces between words, and Hangul, whose endings stick to the word.
_DENSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7a3\uf900-\ufaff\U00020000-\U000323af"
)
_LETTER = rf"(?:(?![{_DENSE}])[^\W_](?:(?![{_DENSE}])[{_MARKS}])*)"


def _words(letter: str) -> str:
    """Give the pattern of a token in folded text, where `letter` matches one letter or digit."""
    atom = rf"(?:{letter}*\d(?:\.\d+)+|{letter}+(?:'{letter}+)*)"  # 3.5, v1.2.3; a word, don't
    return (
        r"(?<![^\W_])[^\W\d_](?:\.[^\W\d_])+(?![^\W_])"  # u.s, e.g
        r"|(?<![^\W_])[a-z](?:\+\+|#)(?![^\W_])"  # c++, c#
        r"|(?<![^\W_])\d{1,3}(?:,\d{3}){1,6}(?![^\W_])(?!,\d)(?:\.\d+)?"  # 1,000,000.5
        rf"|{atom}(?:-{atom})*"  # co-op, gpt-3.5
    )


_ASCII_TOKEN = re.compile(_words("[a-z0-9]"), re.ASCII)


@cache
def _token() -> re.Pattern[str]:
    """Compile the pattern for texts beyond ASCII on first use: it takes 20 ms, which most queries can do without."""
    return re.compile(rf"[{_DENSE}](?:[{_DENSE}]|[{_MARKS}])*|{_words(_LETTER)}")


_IS_DENSE = re.compile(f"[{_DENSE}]")
# Hyphenation and joining marks go, apostrophes and hyphens become one.
_SIGNS = {0xAD: None, 0x200B: None, 0x2060: None, 0xFEFF: None, 0x2019: "'", 0x2BC: "'", 0x2010: "-"}
_ACCENTS = re.compile("[\u0300-\u036f]")
_ELIDING = frozenset({"catalan", "french", "italian"})  # the article sticks to the word: l'eau


@dataclass(frozen=True, slots=True)
class Analyser:
    """Text to terms; call it. Equal fields give equal terms.

    Text is brought to NFKC and folded case, and cut into words of letters and digits; other signs are dropped, so
    that "snake_case" gives two words. A word with hyphens gives its parts and, up to four, all of them joined:
    "co-op" gives "co", "op", "coop" (nDCG@10 rose by up to .005 on three test collections). Kept whole are decimals
    and versions ("3.5"), dotted names without their dots ("U.S." gives "us"), "c++" and "c#"; "1,000" gives "1000".
    An apostrophe stays inside its word, where the stemmer takes off endings ("dog's" gives "dog"). English words
    lose their accents ("café" gives "cafe"). Then stop words go, and words are stemmed (Snowball). Chinese, Japanese,
    Korean, Thai, Lao, Khmer and Burmese text gives overlapping pairs of characters, a lone one itself.

    Raises:
        ConfigError: If Snowball has no stemmer for the language.

    Example:
        >>> Analyser()("The dogs were running, 3.5 km!")
        ['dog', 'run', '3.5', 'km']
    """

    language: str = "english"
    """A language that Snowball knows, by its English name; used by the stemmer and to choose stop words."""
    stem: bool = True
    """Whether words are stemmed."""
    stop_words: frozenset[str] | None = None
    """Words left out, in small letters; None takes ragkit's list for the language, where there is one."""
    _left_out: frozenset[str] = field(init=False, repr=False, compare=False)
    _known: dict[str, tuple[str, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.language not in snowballstemmer.algorithms():
            raise ConfigError(
                f"language is {shorten(repr(self.language))}; expected one of "
                f"{', '.join(sorted(snowballstemmer.algorithms()))}."
            )
        chosen = STOP_WORDS.get(self.language, frozenset()) if self.stop_words is None else self.stop_words
        object.__setattr__(self, "_left_out", frozenset(chosen))

    @property
    def name(self) -> str:
        """What tells these settings from others, for a manifest; it changes when the terms would."""
        words = sha256("\n".join(sorted(self._left_out)).encode()).hexdigest()[:8] if self._left_out else "none"
        return f"{_REVISION}/{self.language}/{'snowball' if self.stem else 'unstemmed'}/stop-{words}"

    def __call__(self, text: str) -> list[str]:
        """Give the terms of `text` in order, repeated as often as they stand there; none contains whitespace."""
        known = self._known
        terms: list[str] = []
        for run in _folded(text).split():  # no token has whitespace in it, and a dictionary is faster than a pattern
            found = known.get(run)
            terms += self._learn(run) if found is None else found
        return terms

    def _learn(self, run: str) -> tuple[str, ...]:
        pattern = _ASCII_TOKEN if run.isascii() else _token()
        terms = tuple(term for token in pattern.findall(run) for term in self._terms(token))
        if len(run) <= _MEMO_CHARS:
            if len(self._known) >= _MEMO_SIZE:
                self._known.clear()
            self._known[run] = terms
        return terms

    def _terms(self, token: str) -> tuple[str, ...]:
        if _IS_DENSE.match(token):
            return _pairs(token)
        parts = token.split("-")
        if 1 < len(parts) < 5:
            parts.append("".join(parts))
        if self.language in _ELIDING:
            parts = [part for elided in parts for part in elided.split("'")]
        return tuple(term for part in parts for term in self._term(part))

    def _term(self, word: str) -> tuple[str, ...]:
        if word in self._left_out:
            return ()
        if word[-1].isdigit():
            return (word.replace(",", ""),)
        word = word.replace(".", "")
        if self.language == "english" and not word.isascii():
            word = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", word)))
        # A stemmer has state: a new one per word costs nothing beside the stemming and lets threads share an analyser.
        term = snowballstemmer.stemmer(self.language).stemWord(word) if self.stem else word
        return (term,) if term else ()


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).casefold().translate(_SIGNS)


def _pairs(run: str) -> tuple[str, ...]:
    return tuple(map("".join, itertools.pairwise(run))) if len(run) > 1 else (run,)
