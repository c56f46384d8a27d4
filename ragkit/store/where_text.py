"""The filter language as text: `year >= 2020 and (lang = "en" or not exists lang)`.

    filter    := both ("or" both)*
    both      := one ("and" one)*
    one       := "not" one | "(" filter ")" | "exists" field | field test
    test      := ("=" | "!=" | "<" | "<=" | ">" | ">=") value | ["not"] "in" list | ["not"] "contains" value
                 | ["not"] "exists"
    list      := "[" [value ("," value)*] "]" | "(" … ")"
    value     := number | 'text' | "text" | true | false
    field     := a word, dotted for nested mappings, or any characters between backquotes

Keywords are read in any case. A quote inside a text is doubled or follows a backslash. `==` is read as `=`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, cast

from ragkit.errors import WhereError, shorten
from ragkit.store.conditions import And, Compare, Comparison, Contains, Exists, In, Node, Not, Or

if TYPE_CHECKING:
    from ragkit.store.fields import Scalar

__all__ = ["read_text"]

_KEYWORDS = frozenset({"and", "or", "not", "in", "contains", "exists", "true", "false"})
_DEEPEST = 50

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number> [-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]) )
    | (?P<text>   '(?:[^'\\]|''|\\.)*' | "(?:[^"\\]|""|\\.)*" )
    | (?P<quoted> `[^`]+` )
    | (?P<word>   [^\W\d][\w.]* )
    | (?P<sign>   == | != | <= | >= | [=<>()\[\],] )
    | (?P<end>    $ )
    )""",
    re.VERBOSE | re.DOTALL,
)


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


def read_text(where: str) -> Node:
    """Read a filter.

    Raises:
        WhereError: Naming the character where reading stopped and what was expected there.
    """
    return _Reader(where).whole()


class _Reader:
    """Recursive descent; each method reads what its grammar rule says and leaves the position after it."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._tokens = self._split(where)
        self._place = 0
        self._depth = 0

    def _split(self, where: str) -> list[_Token]:
        tokens: list[_Token] = []
        position = 0
        while not tokens or tokens[-1].kind != "end":
            found = _TOKEN.match(where, position)
            if found is None:
                rest = where[position:].lstrip()
                raise self._error(_Token("", rest[:1], len(where) - len(rest)), "a field, a value or an operator")
            kind = str(found.lastgroup)
            word = found[kind]
            if kind == "word" and word.lower() in _KEYWORDS:
                kind, word = "keyword", word.lower()
            tokens.append(_Token(kind, word, found.start(str(found.lastgroup))))
            position = found.end()
        return tokens

    def _error(self, token: _Token, expected: str) -> WhereError:
        what = repr(shorten(token.text, 30)) if token.text else "the end"
        return WhereError(
            f"filter {shorten(self._where)!r} cannot be read at character {token.position + 1}: "
            f"found {what}, expected {expected}."
        )

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _take(self) -> _Token:
        self._place += 1
        return self._tokens[self._place - 1]

    def _accept(self, *texts: str) -> str | None:
        token = self._next
        return self._take().text if token.kind in {"keyword", "sign"} and token.text in texts else None

    def _expect(self, text: str) -> None:
        if self._accept(text) is None:
            raise self._error(self._next, repr(text))

    def whole(self) -> Node:
        node = self._any()
        if self._next.kind != "end":
            raise self._error(self._next, "'and', 'or' or the end")
        return node

    def _any(self) -> Node:
        parts = [self._both()]
        while self._accept("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _both(self) -> Node:
        parts = [self._one()]
        while self._accept("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise WhereError(f"filter {shorten(self._where)!r} is nested more than {_DEEPEST} deep: write it flatter.")
        node = self._nested()
        self._depth -= 1
        return node

    def _nested(self) -> Node:
        if self._accept("not"):
            return Not(self._one())
        if self._accept("("):
            node = self._any()
            self._expect(")")
            return node
        if self._accept("exists"):
            bracket = self._accept("(")
            found = Exists(self._field())
            if bracket:
                self._expect(")")
            return found
        return self._test(self._field())

    def _field(self) -> str:
        token = self._next
        if token.kind == "word":
            return self._take().text
        if token.kind == "quoted":
            return self._take().text[1:-1]
        hint = " (write a name that is a keyword between backquotes)" if token.kind == "keyword" else ""
        raise self._error(token, f"a field name{hint}")

    def _test(self, field: str) -> Node:
        if sign := self._accept("=", "==", "<", "<=", ">", ">="):
            return Compare(field, cast("Comparison", "=" if sign == "==" else sign), self._value())
        if self._accept("!="):
            return Not(Compare(field, "=", self._value()))
        negated = self._accept("not") is not None
        test = self._named_test(field)
        return Not(test) if negated else test

    def _named_test(self, field: str) -> Node:
        if self._accept("in"):
            return In(field, self._list())
        if self._accept("contains"):
            return Contains(field, self._value())
        if self._accept("exists"):
            return Exists(field)
        raise self._error(self._next, "one of = != < <= > >= in, not in, contains, exists")

    def _list(self) -> tuple[Scalar, ...]:
        opening = self._accept("[", "(")
        if opening is None:
            raise self._error(self._next, "a list such as [1, 2]")
        closing = "]" if opening == "[" else ")"
        values: list[Scalar] = []
        while not self._accept(closing):
            if values:
                self._expect(",")
            values.append(self._value())
        return tuple(values)

    def _value(self) -> Scalar:
        token = self._next
        if token.kind == "number":
            return _number(self._take().text)
        if token.kind == "text":
            return _unquoted(self._take().text)
        if word := self._accept("true", "false"):
            return word == "true"
        hint = ' (text stands between quotes: "en")' if token.kind == "word" else ""
        raise self._error(token, f"a number, a text, true or false{hint}")


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("+-").isdecimal() else float(text)


def _unquoted(text: str) -> str:
    quote = text[0]
    # Only quotes and backslashes are escaped, so that "C:\docs" stays what it is.
    return re.sub(rf"\\([\\{quote}])|{quote}({quote})", lambda match: match[1] or match[2], text[1:-1])
