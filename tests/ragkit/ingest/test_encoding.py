from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import LoadError
from ragkit.ingest.encoding import decode, is_for_text

FRENCH = "Le café était fermé à cause de l'été. Où êtes-vous allés? Ça va très bien, merci.\n"
GERMAN = "Über die Straße gehen größere Mädchen und Jungen mit schönen Blumensträußen.\n"
RUSSIAN = "Привет, как дела? Сегодня хорошая погода, и мы идём гулять в парк.\n"
JAPANESE = "今日は天気がいいので、公園に散歩に行きます。とても楽しいです。明日も晴れるでしょう。\n"
POLISH = "Zażółć gęślą jaźń. Dzień dobry, jak się masz? Łódź jest pięknym miastem.\n"


@given(st.text(st.characters(exclude_characters="\0\ufeff", exclude_categories=["Cs"])))
@settings(max_examples=50, deadline=None)
def test_utf8_is_read_as_it_is(text: str) -> None:
    assert decode(text.encode(), path="a.txt") == text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_names_the_encoding_and_is_left_out(encoding: str) -> None:
    assert decode("naïve ☃".encode(encoding), path="a.txt") == "naïve ☃"


def test_big_endian_utf16_is_known_by_its_mark() -> None:
    assert decode(b"\xfe\xff\x00a\x00b", path="a.txt") == "ab"


def test_the_declared_encoding_comes_before_a_guess() -> None:
    assert decode("žluťoučký".encode("iso8859-2"), path="a.html", declared="iso-8859-2") == "žluťoučký"


def test_a_declared_encoding_that_does_not_exist_is_passed_over() -> None:
    assert decode(FRENCH.encode("cp1252"), path="a.html", declared="x-none") == FRENCH


def test_valid_utf8_wins_over_a_wrong_declaration() -> None:
    assert decode("café".encode(), path="a.html", declared="latin-1") == "café"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRENCH, "cp1252"),
        (GERMAN, "latin-1"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (POLISH, "cp1250"),
        ("The price is £5, the temperature 30° today, and the naïve user pays €9.\n", "cp1252"),
        ("He said “no” — and that was that.\n", "cp1252"),
        ("café", "latin-1"),
    ],
)
def test_old_encodings_are_recognised(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding), path="a.txt") == text


def test_a_stray_accent_after_much_ascii_is_found() -> None:
    text = "plain words\n" * 20_000 + FRENCH
    assert decode(text.encode("cp1252"), path="a.txt") == text


def test_a_damaged_byte_in_good_utf8_costs_only_itself() -> None:
    page = "žluťoučký kůň příliš ".encode()
    assert decode(page + b"\xff" + page[:-5], path="a.txt").count("\ufffd") == 1


def test_bytes_with_nul_are_refused_as_binary() -> None:
    with pytest.raises(LoadError, match=r"a\.bin: holds NUL bytes"):
        decode(b"PK\x03\x04\x00\x00", path="a.bin")


def test_half_a_character_after_a_mark_is_refused_with_its_place() -> None:
    with pytest.raises(LoadError, match="is not valid utf-8 at byte 1: save it as UTF-8"):
        decode(b"\xef\xbb\xbfa\xff", path="a.txt")


def test_bytes_of_no_encoding_are_refused() -> None:
    with pytest.raises(LoadError, match="in no text encoding"):
        decode(bytes([0x81, 0x8D, 0x81, 0xFF, 0x88, 0x98, 0x83]) * 40, path="a.txt")


def test_noise_without_a_zero_byte_is_binary_all_the_same() -> None:
    noise = bytes(random.Random(5).choices(range(1, 256), k=400))
    with pytest.raises(LoadError, match="no text encoding that could be recognised"):
        decode(noise, path="a.md")


@pytest.mark.usefixtures("hang_guard")
def test_a_long_line_before_the_first_odd_byte_is_looked_at_once() -> None:
    data = b"a" * 3_000_000 + b"\n" + "Le café était fermé à cause de l'été.".encode("cp1252")
    assert decode(data, path="a").endswith("Le café était fermé à cause de l'été.")


@pytest.mark.parametrize("declared", ["unicode_escape", "punycode", "idna", "zlib", "rot13", "nonsense", "a\0b"])
def test_a_declared_encoding_that_is_for_no_text_is_passed_over(declared: str) -> None:
    assert not is_for_text(declared)
    assert decode("é".encode("cp1252") + b"t\\d", path="a", declared=declared) == "ét\\d"
