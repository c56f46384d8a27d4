from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.prompts.template import Piece, Slot, Template

bounded = settings(max_examples=100, deadline=None)


def filled(source: str, **values: str) -> str:
    return "".join(values[piece.variable] if piece.variable else piece.text for piece in Template(source).pieces())


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{a}}", "A"),
        ("{{ a }}", "A"),
        ("{{\ta}}{{b}}", "AB"),
        ("{a} {} {{}} {{ }} {{1}} {{a.b}} {{a b}} {%a%}", "{a} {} {{}} {{ }} {{1}} {{a.b}} {{a b}} {%a%}"),
        ('{"a": {"b": {{a}}}}', '{"a": {"b": A}}'),
        ("{{{a}}}", "{A}"),
        ("{{{{a}}}}", "{{A}}"),
        ("{{\na}}", "{{\na}}"),
        (r"\{{a}}", "{{a}}"),
        (r"\\{{a}}", r"\A"),
        (r"\\\{{ a }}", r"\{{ a }}"),
        (r"\n \{a} \\ \frac{1}{2}", r"\n \{a} \\ \frac{1}{2}"),
        ("", ""),
    ],
)
def test_only_a_name_between_two_braces_is_a_slot(source: str, text: str) -> None:
    assert filled(source, a="A", b="B") == text


def test_slots_say_where_they_stand() -> None:
    assert Template(r"x {{a}} \{{a}} \\{{b}}").slots == (Slot("a", 2), Slot("b", 17))


def test_fixed_words_and_slots_come_in_order() -> None:
    assert list(Template("Dear {{name}}!").pieces()) == [Piece("", "Dear "), Piece("name", ""), Piece("", "!")]


@bounded
@given(st.text("{}\\ a_1\n%", max_size=30))
def test_text_without_two_braces_around_a_name_is_kept_to_the_character(text: str) -> None:
    template = Template(text)
    if "{{" not in text:
        assert [piece.text for piece in template.pieces()] == ([text] if text else [])
    assert [slot.name for slot in template.slots] == [piece.variable for piece in template.pieces() if piece.variable]


@bounded
@given(st.text("{}\\ a\n", max_size=10), st.text("{}\\ a\n", max_size=10))
def test_what_fills_a_slot_is_never_read_again(before: str, value: str) -> None:
    template = Template(before + "|{{a}}|")
    expected = before if "{{" not in before else filled(before, a=value)
    assert filled(template.source, a=value) == f"{expected}|{value}|"


def test_a_long_row_of_backslashes_is_read_once() -> None:
    row = "\\" * 200_000  # minutes, were it read again from each of them
    assert [piece.text for piece in Template(row).pieces()] == [row]
    assert [slot.offset for slot in Template(row + "{{a}}").slots] == [200_000]
