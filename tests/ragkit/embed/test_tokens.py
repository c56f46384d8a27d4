from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.embed.encoder import SentenceEncoder
from ragkit.embed.tokens import TextTokenizer, check_texts
from ragkit.errors import InputError, ModelFilesError

CLS, SEP = 101, 102  # of BERT's vocabulary


@pytest.fixture(scope="module")
def tokenizer(packaged: Path) -> TextTokenizer:
    return TextTokenizer(packaged, max_tokens=6)


def test_special_tokens_are_counted(tokenizer: TextTokenizer) -> None:
    assert [tokenizer.count(text) for text in ("", "hello", "hello world")] == [2, 3, 4]


def test_the_limits_written_in_the_file_are_ignored(tokenizer: TextTokenizer) -> None:
    assert tokenizer.count("hello " * 1000) == 1002


SIGNS = [
    "a",
    "B",
    "river",
    "harbour's",
    "é",
    "ß",
    "Σ",
    "İ",
    "中",
    "日本",
    "ก",
    "한",
    "1",
    ".",
    ",",
    "-",
    "'",
    "#",
    "\u0301",
]
SPACES = [
    " ",
    "  ",
    "\n",
    "\t",
    "\r",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\xa0",
    "\u2028",
    "\u3000",
    "\u200d",
    "\x00",
    "\ufffd",
]
ADDED = ["[MASK]", "[SEP]", "[mask]", "[UNK]", "x" * 101]


@given(st.lists(st.sampled_from([*SIGNS, *SPACES, *ADDED]) | st.text(max_size=2), max_size=20).map("".join))
@settings(max_examples=400, deadline=None)
def test_a_text_counts_what_its_encoding_holds(tokenizer: TextTokenizer, text: str) -> None:
    (length,) = tokenizer.encode([text])[1]
    assert tokenizer.count(text) == length
    assert tokenizer.count(text) == length  # from memory


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta"])
def test_every_kind_of_tokenizer_counts_what_it_encodes(make_model: Callable[..., Path], kind: str) -> None:
    tokenizer = TextTokenizer(make_model(kind), max_tokens=16)
    texts = ["a boat", "a  boat\n\nthe river, every day", " Boat", "", "boat boat", "xyzzy \t river"]
    assert [tokenizer.count(text) for text in texts] == tokenizer.encode(texts)[1]


def test_a_lower_casing_step_of_its_own_does_not_change_counts(packaged: Path) -> None:
    asked = TextTokenizer(packaged, max_tokens=6, lower_case=True)
    assert asked.count("HELLO World") == asked.encode(["HELLO World"])[1][0] == 4


def test_a_long_text_loses_its_end_and_keeps_its_special_tokens(tokenizer: TextTokenizer) -> None:
    ids, lengths = tokenizer.encode(["hello world " * 10])
    assert (len(ids[0]), ids[0][0], ids[0][-1], lengths) == (6, CLS, SEP, [22])


def test_a_text_of_exactly_the_limit_is_whole(tokenizer: TextTokenizer) -> None:
    ids, lengths = tokenizer.encode(["a b c d"])
    assert (len(ids[0]), lengths) == (6, [6])


def test_the_prompt_is_read_and_counted(tokenizer: TextTokenizer) -> None:
    assert tokenizer.encode(["hello"], prompt="query: ") == tokenizer.encode(["query: hello"])


def test_a_lone_surrogate_is_replaced(tokenizer: TextTokenizer) -> None:
    assert tokenizer.encode(["a \ud800 b"]) == tokenizer.encode(["a ? b"])
    assert tokenizer.encode(["\ud800 " * 9])[1] == [11]


def test_lower_case_is_applied_where_the_model_asks_for_it(packaged: Path) -> None:
    asked = TextTokenizer(packaged, max_tokens=6, lower_case=True)
    assert asked.encode(["HELLO"]) == asked.encode(["hello"])


def test_a_damaged_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}", encoding="ascii")
    with pytest.raises(ModelFilesError, match=r"tokenizer\.json cannot be read .*fetch the model again"):
        TextTokenizer(tmp_path, max_tokens=6).count("a")


def test_a_folder_without_any_tokenizer_is_named(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(ModelFilesError, match=r"has no tokenizer\.json and none can be made"):
        TextTokenizer(tmp_path, max_tokens=6).count("a")


def test_the_tokenizer_of_an_older_model_is_made_from_its_vocabulary(packaged: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    for name in ("vocab.txt", "tokenizer_config.json", "config.json"):
        (tmp_path / name).write_bytes((packaged / name).read_bytes())
    older, newer = (TextTokenizer(folder, max_tokens=6) for folder in (tmp_path, packaged))
    assert older.encode(["Hello, Wörld!"]) == newer.encode(["Hello, Wörld!"])


def test_one_string_is_not_a_list_of_texts() -> None:
    with pytest.raises(InputError, match="texts must be a list of strings, got one string 'abc': put it into a list"):
        check_texts("abc")


def test_what_is_no_string_is_named_by_its_place() -> None:
    with pytest.raises(InputError, match=r"texts\[1\] must be a string, got NoneType"):
        check_texts(["a", None])  # type: ignore[list-item]


@given(st.text(max_size=300))
@settings(max_examples=50, deadline=None)
def test_the_count_is_what_is_read_up_to_the_limit(minilm: SentenceEncoder, text: str) -> None:
    tokenizer = minilm._tokenizer
    ids, lengths = tokenizer.encode([text])
    assert lengths == [tokenizer.count(text)]
    assert len(ids[0]) == min(lengths[0], 256)
