from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import snowballstemmer
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import ConfigError
from ragkit.text.analyse import Analyser
from ragkit.text.stopwords import STOP_WORDS

PLAIN = Analyser(stem=False, stop_words=frozenset())


def test_words_are_folded_stopped_and_stemmed() -> None:
    assert Analyser()("The Dogs WERE running happily!") == ["dog", "run", "happili"]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("3.5 km, v1.2.3 and gpt-3.5", ["3.5", "km", "v1.2.3", "and", "gpt", "3.5", "gpt3.5"]),
        ("1,000 or 12,345.67 or 2019,2020", ["1000", "or", "12345.67", "or", "2019", "2020"]),
        ("co-op", ["co", "op", "coop"]),
        ("covid‐19", ["covid", "19", "covid19"]),
        ("a-b-c-d-e", ["a", "b", "c", "d", "e"]),
        ("the U.S. and e.g. Ph.D.", ["the", "us", "and", "eg", "ph", "d"]),
        ("C++, C# and c", ["c++", "c#", "and", "c"]),
        ("don't don’t O'Brien", ["don't", "don't", "o'brien"]),
        ("snake_case", ["snake", "case"]),
        ("ＦＵＬＬ ﬁne hy\u00adphen", ["full", "fine", "hyphen"]),
        ("café naïve Müller", ["cafe", "naive", "muller"]),
        ("--- !? _", []),
        ("", []),
        ("\u0301 \u200d", []),
    ],
)
def test_tokens_are_cut_sensibly(text: str, terms: list[str]) -> None:
    assert PLAIN(text) == terms


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("检索增强", ["检索", "索增", "增强"]),
        ("猫 と犬", ["猫", "と犬"]),
        ("カード", ["カー", "ード"]),
        ("검색을", ["검색", "색을"]),
        ("ไทย", ["ไท", "ทย"]),
        ("RAG技术3.5版", ["rag", "技术", "3.5", "版"]),
    ],
)
def test_scripts_without_spaces_give_pairs(text: str, terms: list[str]) -> None:
    assert PLAIN(text) == terms


def test_vowel_signs_stay_in_their_word() -> None:
    assert PLAIN("हिन्दी में") == ["हिन्दी", "में"]


def test_accents_stay_in_other_languages() -> None:
    assert Analyser("spanish", stem=False)("año café") == ["año", "café"]


def test_articles_that_stick_to_a_word_go() -> None:
    assert Analyser("french")("L'eau des chevaux") == ["eau", "cheval"]
    assert Analyser("italian")("dell'acqua") == ["acqua"]


def test_german_is_stemmed() -> None:
    assert Analyser("german")("Die Häuser der Straße") == ["haus", "strass"]


def test_stop_words_can_be_chosen() -> None:
    assert Analyser(stop_words=frozenset({"dog"}))("the dog") == ["the"]


def test_a_language_without_a_list_keeps_every_word() -> None:
    assert len(Analyser("finnish")("ja tai mutta")) == 3


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"language is 'klingon'; expected one of arabic, .*english"):
        Analyser("klingon")


def test_name_tells_settings_apart() -> None:
    analysers = [Analyser(), Analyser("german"), Analyser(stem=False), Analyser(stop_words=frozenset()), PLAIN]
    assert len({analyser.name for analyser in analysers}) == 5
    assert PLAIN.name == "1/english/unstemmed/stop-none"
    assert Analyser().name == Analyser(stop_words=STOP_WORDS["english"]).name


def test_equal_settings_are_equal_whatever_was_analysed() -> None:
    used = Analyser()
    used("Some words were seen.")
    assert used == Analyser()
    assert hash(used) == hash(Analyser())
    assert pickle.loads(pickle.dumps(used))("dogs") == ["dog"]  # noqa: S301


def test_every_list_belongs_to_a_language_with_a_stemmer() -> None:
    assert set(STOP_WORDS) <= set(snowballstemmer.algorithms())
    assert all(word == word.casefold() for listed in STOP_WORDS.values() for word in listed)


def test_every_listed_word_is_left_out() -> None:
    for language, listed in STOP_WORDS.items():
        assert Analyser(language)(" ".join(sorted(listed))) == []


def test_terms_that_were_learned_are_forgotten_at_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragkit.text.analyse._MEMO_SIZE", 2)
    assert Analyser()("cats dogs birds cats") == ["cat", "dog", "bird", "cat"]


def test_threads_may_share_an_analyser() -> None:
    analyser = Analyser()
    parts = [" ".join(f"running{i} nationalisation{i % 7} dogs" for i in range(j, j + 200)) for j in range(40)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(analyser, parts)) == [Analyser()(part) for part in parts]


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_terms_are_never_empty_and_hold_no_whitespace(text: str) -> None:
    assert all(term and not any(sign.isspace() for sign in term) for term in Analyser()(text))


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("aZ09 .,'-+#_e\n")))
def test_other_scripts_nearby_do_not_change_the_terms_of_ascii_text(text: str) -> None:
    assert PLAIN(text + " я") == [*PLAIN(text), "я"]


@pytest.mark.parametrize("part", ["111,", "a.", "x-", "x'", "1.1", "\u0301", "ab"])
@pytest.mark.usefixtures("hang_guard")
def test_no_repetition_keeps_the_pattern_busy_for_ever(part: str) -> None:
    assert PLAIN(part * 200_000 + " end")[-1] == "end"


SIGNS = [
    "a",
    "B",
    "dogs",
    "running",
    "é",
    "中",
    "日本",
    "ก",
    "한",
    "3",
    "1,000",
    "u.s.",
    "c++",
    ".",
    "'",
    "-",
    "\u200d",
    "x" * 50,
]


@given(*[st.lists(st.sampled_from(SIGNS) | st.text(max_size=3), max_size=8).map("".join)] * 2)
def test_a_text_has_the_terms_of_its_parts_between_spaces(first: str, second: str) -> None:
    analyse = Analyser()
    assert analyse(f"{first} {second}") == analyse(first) + analyse(second)


def test_the_stemmer_in_c_and_the_one_in_python_give_the_same() -> None:
    from snowballstemmer.english_stemmer import EnglishStemmer

    words = ["generalizations", "harbours", "relational", "flying", "skies", "dying", "boats's", "hopefully"]
    assert [Analyser(stop_words=frozenset())(word) for word in words] == [[EnglishStemmer().stemWord(w)] for w in words]
