"""A filter as SQL over the catalog, with the check that its fields exist and hold what they are compared with."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

from ragkit.errors import WhereError, shorten
from ragkit.store.conditions import And, Compare, Condition, Contains, Exists, In, Node, Not, Or, conditions, sql_value
from ragkit.store.fields import BUILT_IN, CONTAINERS, Kind, Scalar, kind_of

__all__ = ["Field", "Sql", "check_fields", "to_sql"]


class Field(NamedTuple):
    """One kind of value that a field has in this collection."""

    id: int
    """Key of `field_values`."""
    kind: Kind
    """What the values are."""
    listed: bool
    """Whether they are elements of lists."""


class Sql(NamedTuple):
    """A condition with its parameters."""

    text: str
    parameters: list[str | int | float]


Lookup: TypeAlias = Callable[[str], Sequence[Field]]
"""Gives the kinds of values a field has; empty for an unknown field."""

_PLURAL: Final = {"text": "text", "number": "numbers", "bool": "true or false"}
_NEVER: Final = Sql("0", [])
_HAVING: Final = " IN (SELECT document FROM field_values WHERE field = ? AND {})"
_NAMED: Final = " IN (SELECT id FROM documents WHERE {})"


def check_fields(node: Node, lookup: Lookup, known: Callable[[], Sequence[str]]) -> None:
    """Check that fields exist and are compared with what they hold; `exists` may ask for any field.

    Args:
        node: From `where.parse`.
        lookup: Fields of a collection that is not empty.
        known: Gives all field names, for the message.

    Raises:
        WhereError: Naming the field, and the closest known ones.
    """
    for leaf in conditions(node):
        if isinstance(leaf, Exists):
            continue
        fields = lookup(leaf.field)
        if not fields and leaf.field not in BUILT_IN:
            raise WhereError(_unknown(leaf.field, known()))
        _check_kinds(leaf, fields)


def _unknown(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    guess = f"did you mean {' or '.join(repr(other) for other in close)}? " if close else ""
    listed = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
    return f"unknown field {shorten(name)!r}: {guess}Known fields: {listed or 'none'}."


def _check_kinds(leaf: Compare | In | Contains, fields: Sequence[Field]) -> None:
    inside = isinstance(leaf, Contains)
    held = {field.kind for field in fields if field.kind not in CONTAINERS}
    if inside:
        held = {field.kind for field in fields if field.listed or field.kind == "text"} - CONTAINERS
    if leaf.field in BUILT_IN:
        held = held | {"number" if leaf.field == "page" else "text"}
    # A field that so far holds only empty lists or mappings has no kind that a value could differ from.
    if not held and not (inside and any(field.kind not in CONTAINERS for field in fields)):
        return
    for value in leaf.values if isinstance(leaf, In) else (leaf.value,):
        if kind_of(value) not in held:
            raise WhereError(_unlike(leaf.field, value, sorted(held), inside=inside))


def _unlike(name: str, value: Scalar, held: Sequence[str], *, inside: bool) -> str:
    given = "true or false" if isinstance(value, bool) else f"the text {shorten(value)!r}"
    if not isinstance(value, bool | str):
        given = f"the number {shorten(value)}"
    if not held:
        return f"field {name!r} holds neither text nor lists: contains cannot be asked of it; use =."
    holds = " and ".join(_PLURAL[kind] for kind in held)
    relation = "does not contain" if inside else "is compared with"
    return f"field {name!r} holds {holds}; it {relation} {given}: give a value of the kind it holds."


def to_sql(node: Node, lookup: Lookup, *, document: str, page: str | None) -> Sql:
    """Give a filter as an SQL condition that is true or false, never NULL.

    Args:
        node: From `where.parse`.
        lookup: Kinds of values per field.
        document: SQL of the document's key, such as `chunks.document`.
        page: SQL of the chunk's page; None where whole documents are selected.

    Raises:
        WhereError: If `page` is None and the filter asks for a page.
    """
    return _Translation(lookup, document, page).of(node)


class _Translation:
    def __init__(self, lookup: Lookup, document: str, page: str | None) -> None:
        self._lookup = lookup
        self._document = document
        self._page = page

    def of(self, node: Node) -> Sql:
        match node:
            case Not(part):
                inner = self.of(part)
                return Sql(f"NOT {inner.text}", inner.parameters)
            case And(parts):
                return _joined(" AND ", map(self.of, parts))
            case Or(parts):
                return _joined(" OR ", map(self.of, parts))
        if node.field == "doc_id":
            return self._by_doc_id(node)
        return self._by_page(node) if node.field == "page" else self._by_metadata(node)

    def _by_metadata(self, leaf: Condition) -> Sql:
        return _joined(
            " OR ",
            (
                Sql(self._document + _HAVING.format(test.text), [field.id, *test.parameters])
                for field in self._lookup(leaf.field)
                if (test := _test(leaf, "value", field.kind, listed=field.listed)) is not _NEVER
            ),
        )

    def _by_doc_id(self, leaf: Condition) -> Sql:
        test = _test(leaf, "doc_id", "text", listed=False)
        return Sql(self._document + _NAMED.format(test.text), test.parameters)

    def _by_page(self, leaf: Condition) -> Sql:
        metadata = self._by_metadata(leaf)
        if self._page is None:
            raise WhereError("field 'page' belongs to chunks: whole documents cannot be selected by it.")
        test = _test(leaf, self._page, "number", listed=False)
        return Sql(
            f"(CASE WHEN {self._page} IS NULL THEN {metadata.text} ELSE {test.text} END)",
            metadata.parameters + test.parameters,
        )


def _joined(word: str, parts: Iterable[Sql]) -> Sql:
    taken = list(parts)
    if not taken:
        return _NEVER
    return Sql(f"({word.join(part.text for part in taken)})", [value for part in taken for value in part.parameters])


def _test(leaf: Condition, column: str, kind: Kind, *, listed: bool) -> Sql:
    if isinstance(leaf, Exists):
        return Sql("1", [])
    if kind in CONTAINERS:
        return _NEVER
    match leaf:
        case Compare(_, op, value) if kind_of(value) == kind:
            return Sql(f"{column} {op} ?", [sql_value(value)])
        case In(_, values):
            alike = [sql_value(value) for value in values if kind_of(value) == kind]
            return Sql(f"{column} IN ({','.join('?' * len(alike))})", alike) if alike else _NEVER
        case Contains(_, value) if listed and kind_of(value) == kind:
            return Sql(f"{column} = ?", [sql_value(value)])
        case Contains(_, str() as value) if not listed and kind == "text":
            return Sql(f"instr({column}, ?) > 0", [value])
    return _NEVER
