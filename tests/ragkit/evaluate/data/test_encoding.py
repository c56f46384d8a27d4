from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.evaluate.data.encoding import repair_encoding


def doubled(text: str) -> str:
    return text.encode().decode("latin-1")


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        # From the MS MARCO passages.
        ("has been Clintonâ\x80\x99s most frequent", "has been Clinton’s most frequent"),
        ("(4 September 1793 â\x80\x93 20 December 1862)", "(4 September 1793 – 20 December 1862)"),
        ("peroxisomal Î²-oxidation", "peroxisomal β-oxidation"),
        ("are 81 Â°F and 79 Â°F", "are 81 °F and 79 °F"),
        ("Services. Â©2017", "Services. ©2017"),
        ("(/Ë\x88waÉª faÉª/)", "(/ˈwaɪ faɪ/)"),
        ("AntonÃ\xadn", "Antonín"),
        ("EL NIÃ±O DEFINITION", "EL NIñO DEFINITION"),
        ("STÃ¶PPLER", "STöPPLER"),
        ("Muá¸¥ammad", "Muḥammad"),
        ("Sino-Korean å»º (geon)", "Sino-Korean 建 (geon)"),
        ("à¸¿2,179 ($70)", "฿2,179 ($70)"),
        ("(hangul: ë\x86\x8dì£¼)", "(hangul: 농주)"),
        ("Ï\x83 This symbol", "σ This symbol"),
        ("ï¿½ and ï»¿", "\ufffd and \ufeff"),
        ("×©×\x9c×\x95×\x9d", "שלום"),
        # Both within one text.
        ("José and JosÃ©", "José and José"),
    ],
)
def test_what_was_decoded_twice_is_undone(raw: str, clean: str) -> None:
    assert repair_encoding(raw) == clean


@pytest.mark.parametrize(
    "clean",
    [
        "naïve café, Übergröße, São João, œuvre",
        "CAFÉ® and HÔTEL»",
        "MANHû",
        "«Fuß» and 3×² of it",
        "« café\xa0» et « déjà\xa0»",
        "égal à\xa0½",
        "Â is a letter, Ã too",
        "ÃO",
        "日本語 and العربية",
    ],
)
def test_clean_text_stays(clean: str) -> None:
    assert repair_encoding(clean) == clean


def test_a_sequence_that_lost_a_byte_stays() -> None:
    assert repair_encoding("from 194 â¦ 2-1946, DvoÅ Ã¡k") == "from 194 â¦ 2-1946, DvoÅ ák"


@given(st.text(st.characters(max_codepoint=0x7F)))
@settings(max_examples=50, deadline=None)
def test_ascii_is_the_same_object(text: str) -> None:
    assert repair_encoding(text) is text


@given(
    st.text(
        st.characters(categories=["L", "M", "N", "Zs"], exclude_characters="\xa0\xaa\xb2\xb3\xb5\xb9\xba\xbc\xbd\xbe")
    )
)
@settings(max_examples=200, deadline=None)
def test_text_of_letters_and_numbers_stays(text: str) -> None:
    assert repair_encoding(text) == text


@given(st.text(st.characters(min_codepoint=0xA1, max_codepoint=0xFF), min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_latin_text_that_was_wholly_decoded_twice_comes_back(text: str) -> None:
    assert repair_encoding(doubled(text)) == text


@given(st.text(st.characters(min_codepoint=0x2010, max_codepoint=0x2044), min_size=1))
@settings(max_examples=50, deadline=None)
def test_dashes_and_quotation_marks_come_back(text: str) -> None:
    assert repair_encoding(doubled(text)) == text


@given(st.text(st.characters(min_codepoint=0x80, exclude_categories=["Cs"]), min_size=2))
@settings(max_examples=200, deadline=None)
def test_several_characters_in_a_row_come_back_whatever_they_are(text: str) -> None:
    assert repair_encoding(doubled(text)) == text
