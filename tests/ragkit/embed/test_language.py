from __future__ import annotations

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.embed.language import MULTILINGUAL_CHOICE, LanguageWarning, foreign_language, warn_if_foreign


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Der Vertrag ist nicht von beiden Seiten unterschrieben worden.", "German"),
        ("Wie viele Tage Urlaub habe ich?", "German"),
        ("Le contrat n'a pas été signé par les deux parties.", "French"),
        ("¿Cuántos días de vacaciones tengo en el primer año?", "Spanish"),
        ("Il contratto non è stato firmato da questa società.", "Italian"),
        ("O contrato não foi assinado pelas duas partes, e isso também é um problema.", "Portuguese"),
        ("Het contract is niet door beide partijen getekend en dat is een probleem.", "Dutch"),
        ("Avtalet har inte undertecknats av båda parter och det är ett problem.", "Swedish"),
        ("Umowa nie jest podpisana przez obie strony.", "Polish"),
        ("Sözleşme bir yıl için geçerli olarak imzalandı ve çok önemli.", "Turkish"),
        ("Hợp đồng này không được ký bởi các bên.", "Vietnamese"),
        ("Договор не подписан обеими сторонами.", "Cyrillic"),
        ("Η σύμβαση δεν έχει υπογραφεί.", "Greek"),
        ("लेकिन अनुबंध पर हस्ताक्षर नहीं हुए।", "Devanagari"),
        ("合同尚未签署。", "Chinese or Japanese"),
        ("契約はまだ署名されていません。", "Japanese"),
        ("계약이 아직 서명되지 않았습니다.", "Korean"),
        ("لم يتم توقيع العقد بعد.", "Arabic"),
        ("החוזה עדיין לא נחתם.", "Hebrew"),
        ("สัญญายังไม่ได้ลงนาม", "Thai"),
    ],
)
def test_other_languages_are_named(text: str, language: str) -> None:
    assert foreign_language(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "42",
        "The contract has not been signed by both parties.",
        "annual leave",
        "IL-6 signaling in cardiovascular disease",
        "los angeles la lakers",
        "van der Waals forces",
        "weather in playa del carmen, quintana roo mexico",
        "Die Zeit",
        "The German word 'und' and the French word 'et' mean 'and'.",
        "the α-helix and the β-sheet of TGF-β",
        "def main(argv): return os.path.join(argv[1], 'x')",
        "El Niño and La Niña are phases of one climate pattern.",
        "Café, naïve and façade are English words with marks.",
        "We've met: they've been to Côte d'Ivoire, Los Alamos and São Paulo.",
        "東",
    ],
)
def test_english_and_the_uncertain_are_not_named(text: str) -> None:
    assert foreign_language(text) is None


@given(st.text(max_size=200))
@settings(max_examples=50, deadline=None)
def test_any_text_gets_an_answer(text: str) -> None:
    assert foreign_language(text) is None or foreign_language(text)


def test_the_warning_names_language_model_and_choice() -> None:
    with pytest.warns(
        LanguageWarning, match=f"looks like German, and small-model reads English.*{MULTILINGUAL_CHOICE}"
    ):
        warn_if_foreign(["Der Vertrag ist nicht unterschrieben."], model="small-model")


def test_one_foreign_text_among_twenty_warns() -> None:
    texts = ["The contract has been signed."] * 19 + ["Der Vertrag ist nicht unterschrieben."]
    with pytest.warns(LanguageWarning):
        warn_if_foreign(texts, model="small-model")


def test_later_texts_are_not_looked_at() -> None:
    texts = ["The contract has been signed."] * 32 + ["Der Vertrag ist nicht unterschrieben."]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_foreign(texts, model="small-model")


def test_nothing_given_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_foreign([], model="small-model")
