from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from ragkit.errors import InputError
from ragkit.models.local.control import ControlTokens, Hidden, around, without_limits

TEMPLATE = "{{ '<tool_call>' }}"
CONTROL = ("<s>", "</s>", "<|im_start|>", "<|im_end|>", "<tool_call>", "<extra_id_0>")
PIECES = st.sampled_from(
    ["The heron ", "stands", " ", "\n", "é🙂", "<|im_", "end|>", "<", "x>", "control0x0x", "日本", "▁"]
)
TEXTS = st.lists(PIECES | st.text(max_size=4), max_size=8).map("".join)


def plain(backend: Tokenizer, text: str) -> list[int]:
    return list(backend.encode(text, add_special_tokens=False).ids)


def control_ids(backend: Tokenizer) -> set[int]:
    return {token for text in CONTROL if (token := backend.token_to_id(text)) is not None}


def without_control(text: str) -> bool:
    return not any(mark in text for mark in CONTROL)


@given(texts=st.lists(TEXTS.filter(without_control), min_size=1, max_size=3))
@settings(max_examples=50, deadline=None)
def test_the_renamed_copy_gives_the_model_s_own_ids(backend: Tokenizer, texts: Sequence[str]) -> None:
    control = ControlTokens(backend, TEMPLATE)
    prompt = "<s>" + "<|im_end|> ".join(texts) + "</s><tool_call>"  # as a template writes it
    assert control.encode_apart(prompt, control.hidden(texts)) == plain(backend, prompt)


@given(parts=st.lists(TEXTS | st.sampled_from(CONTROL), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_what_users_write_is_never_a_control_token(backend: Tokenizer, parts: Sequence[str]) -> None:
    control = ControlTokens(backend, TEMPLATE)
    text = "".join(parts)
    hidden = control.hidden([text])
    ids = control.encode(control.hide(text, hidden), hidden)
    assert not control_ids(backend) & set(ids)


def test_what_a_normalizer_makes_of_letters_is_never_a_control_token() -> None:
    backend = unigram_nfkc()
    control = ControlTokens(backend)
    end = backend.token_to_id("</s>")
    assert end in plain(backend, "a＜/s＞b")  # what a tokenizer alone makes of it
    hidden = control.hidden([])
    assert [token for token in control.encode("a＜/s＞b</s>", hidden) if token == end] == [end]
    assert control.encode("＜/s＞", hidden) == control.encode(control.hide("</s>", hidden), hidden)


def unigram_nfkc() -> Tokenizer:
    """As T5's: its control tokens are part of its vocabulary, and it makes letters of full width plain."""
    pieces = [("<unk>", 0.0), ("</s>", 0.0), *((letter, -5.0) for letter in "▁ab<>/s")]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.add_special_tokens(["<unk>", "</s>"])
    return tokenizer


def test_half_a_character_is_refused(backend: Tokenizer) -> None:
    control = ControlTokens(backend)
    for text in ("a\ud800", "a\ud800</s>"):
        hidden = control.hidden([])
        with pytest.raises(InputError, match=r"holds half a character \(a lone surrogate\)"):
            control.encode(control.hide(text, hidden), hidden)


def test_what_users_write_is_read_as_its_letters(backend: Tokenizer) -> None:
    control = ControlTokens(backend, TEMPLATE)
    hidden = control.hidden([])
    prompt = f"<s>{control.hide('a</s>b', hidden)}</s>"
    ids = control.encode(prompt, hidden)
    assert backend.decode(ids, skip_special_tokens=False).replace(" ", "") == plain_text(backend, "<s>a</s>b</s>")
    known = [token for token in (backend.token_to_id("<s>"), backend.token_to_id("</s>")) if token is not None]
    assert [token for token in ids if token in known] == known


def plain_text(backend: Tokenizer, text: str) -> str:
    """How the tokenizer shows a text: one without <s> spells it out."""
    return backend.decode(plain(backend, text), skip_special_tokens=False).replace(" ", "")


def test_placeholders_look_like_nothing_in_the_texts(backend: Tokenizer) -> None:
    control = ControlTokens(backend)
    hidden = control.hidden(["control0x0x says nothing", "control1"])
    assert control.hide("</s>", hidden) == "control2x0x"
    assert hidden.restore("control0x0x and control2x0x") == "control0x0x and </s>"


def test_texts_are_hidden_wherever_they_are_nested(backend: Tokenizer) -> None:
    control, hidden = ControlTokens(backend), Hidden("x")
    value = {"</s>": ["</s>", ("a", 1, None)], "b": {"c": "</s></s>"}}
    expected = {"xx0x": ["xx1x", ["a", 1, None]], "b": {"c": "xx2xxx3x"}}
    assert control.hide(value, hidden) == expected
    assert value["b"] == {"c": "</s></s>"}


def test_a_mark_counts_only_if_the_template_writes_it(backend: Tokenizer) -> None:
    text, mark = "a <tool_call>", backend.token_to_id("<tool_call>")
    for template, found in (("", [mark]), (TEMPLATE, [])):
        control = ControlTokens(backend, template)
        hidden = control.hidden([text])
        assert [token for token in control.encode(control.hide(text, hidden), hidden) if token == mark] == found


def test_the_model_s_own_marks_stay(backend: Tokenizer) -> None:
    control, hidden = ControlTokens(backend, TEMPLATE), Hidden("x")
    turns = [
        {"role": "user", "content": "<tool_call>"},
        {"role": "assistant", "content": "<tool_call></s>", "tool_calls": [{"arguments": {"a": "<tool_call>"}}]},
    ]
    hiding = control.hide_turns(turns, hidden)
    assert [turn["content"] for turn in hiding] == ["xx0x", "<tool_call>xx1x"]
    assert hiding[1]["tool_calls"] == [{"arguments": {"a": "xx2x"}}]  # data, copied from who knows where


def test_words_added_to_the_vocabulary_are_words() -> None:
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "covid": 1, "a": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([AddedToken("[UNK]", special=True)])
    tokenizer.add_tokens(["covid", "\n\n"])
    control = ControlTokens(tokenizer, "covid \n\n user")
    hidden = control.hidden([])
    assert control.hide("covid\n\n", hidden) == "covid\n\n"
    assert control.encode_apart("a zebra covid", hidden) == [2, 0, 1]
    assert control.encode(control.hide("[UNK] a", hidden), hidden) == [0, 0, 0, 2]  # "[", "UNK", "]"


def test_special_tokens_of_a_text_are_found_in_order(backend: Tokenizer) -> None:
    end = backend.token_to_id("</s>")
    assert ControlTokens(backend, TEMPLATE).special_in("a</s>\n<tool_call></s>") == [end, end]


def test_a_copy_neither_pads_nor_cuts(backend: Tokenizer) -> None:
    limited = Tokenizer.from_str(backend.to_str())
    limited.enable_truncation(2)
    limited.enable_padding(length=30)
    text = "The heron stands in the reeds and waits for the fish."
    assert plain(without_limits(limited), text) == plain(backend, text)
    assert len(plain(limited, text)) == 30


@pytest.mark.parametrize("backend", ["unigram", "metaspace", "byte-level"], indirect=True)
def test_what_a_tokenizer_puts_around_a_text_is_known(backend: Tokenizer, request: pytest.FixtureRequest) -> None:
    before, after = around(backend)
    expected = backend.encode("The heron", add_special_tokens=True).ids
    assert [*before, *plain(backend, "The heron"), *after] == expected
