"""The filter language as text."""

from __future__ import annotations

import pytest

from ragkit.errors import WhereError
from ragkit.store.conditions import And, Compare, Contains, Exists, In, Node, Not, Or
from ragkit.store.where import parse


@pytest.mark.parametrize(
    ("where", "node"),
    [
        ("year >= 2020", Compare("year", ">=", 2020)),
        ("year==2020", Compare("year", "=", 2020)),
        ("a != -1.5e3", Not(Compare("a", "=", -1500.0))),
        ("a = .5", Compare("a", "=", 0.5)),
        ("a = TRUE", Compare("a", "=", True)),
        ("lang = 'en'", Compare("lang", "=", "en")),
        ('lang = "it\'s"', Compare("lang", "=", "it's")),
        ("lang = 'it''s'", Compare("lang", "=", "it's")),
        (r"lang = 'it\'s'", Compare("lang", "=", "it's")),
        (r"path = 'C:\docs\\new'", Compare("path", "=", r"C:\docs\new")),
        ("author.name < 'm'", Compare("author.name", "<", "m")),
        ("`odd name-1` > 1", Compare("odd name-1", ">", 1)),
        ("`and` > 1", Compare("and", ">", 1)),
        ("größe > 1", Compare("größe", ">", 1)),
        ("a in [1, 'b', false]", In("a", (1, "b", False))),
        ("a in (1,2)", In("a", (1, 2))),
        ("a in []", In("a", ())),
        ("a not in [1]", Not(In("a", (1,)))),
        ("a contains 'x'", Contains("a", "x")),
        ("a not contains 'x'", Not(Contains("a", "x"))),
        ("exists a", Exists("a")),
        ("exists(a)", Exists("a")),
        ("a exists", Exists("a")),
        ("a not exists", Not(Exists("a"))),
        ("not exists a", Not(Exists("a"))),
        ("not not exists a", Not(Not(Exists("a")))),
        ("exists a or exists b and exists c", Or((Exists("a"), And((Exists("b"), Exists("c")))))),
        ("(exists a OR exists b) And exists c", And((Or((Exists("a"), Exists("b"))), Exists("c")))),
        ("not exists a and exists b", And((Not(Exists("a")), Exists("b")))),
        ("exists a and exists b and exists c", And((Exists("a"), Exists("b"), Exists("c")))),
        ("\n a\t=\n1 ", Compare("a", "=", 1)),
    ],
)
def test_text_is_read(where: str, node: Node) -> None:
    # repr, because True equals 1 and must not here
    assert repr(parse(where)) == repr(node)


@pytest.mark.parametrize("where", [None, "", "  \n", {}])
def test_nothing_filters_nothing(where: str | None) -> None:
    assert parse(where) is None


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("year >", "at character 7: found the end, expected a number, a text, true or false"),
        ("year 2020", "at character 6: found '2020', expected one of = !="),
        ("lang = en", r"at character 8: found 'en', expected .* \(text stands between quotes: \"en\"\)"),
        ("= 3", "at character 1: found '=', expected a field name"),
        ("in = 3", r"found 'in', expected a field name \(write a name that is a keyword between backquotes\)"),
        ("a = 1 b = 2", "at character 7: found 'b', expected 'and', 'or' or the end"),
        ("(a = 1", r"found the end, expected '\)'"),
        ("exists(a", r"found the end, expected '\)'"),
        ("a in 3", r"found '3', expected a list such as \[1, 2\]"),
        ("a in [1 2]", "found '2', expected ','"),
        ("a in [1,]", "found ']', expected a number"),
        ("a not = 1", "found '=', expected one of"),
        ("a = 'open", 'at character 5: found "\'", expected a field, a value or an operator'),
        ("content-type = 1", "at character 8: found '-', expected a field"),
        ("a = 12abc", "at character 5: found '1'"),
        ("a; drop table", "found ';'"),
        ("a < true", "field 'a': true has no order; use = or !="),
        ("a = 1e999", "field 'a' is compared with inf; expected a finite number"),
        ("(" * 60 + "a = 1" + ")" * 60, "is nested more than 50 deep"),
        ("not " * 60 + "a = 1", "is nested more than 50 deep"),
        (" or ".join(["a = 1"] * 501), "the filter has 501 conditions and 501 values; at most 500"),
    ],
)
def test_text_that_cannot_be_read_is_explained(where: str, message: str) -> None:
    with pytest.raises(WhereError, match=message):
        parse(where)


def test_long_filters_are_cut_in_messages() -> None:
    with pytest.raises(WhereError) as raised:
        parse("a = 'x' and " * 100)
    assert len(str(raised.value)) < 300


def test_other_types_are_refused() -> None:
    with pytest.raises(WhereError, match="where must be text or a mapping, got list"):
        parse(["a = 1"])  # type: ignore[arg-type]
