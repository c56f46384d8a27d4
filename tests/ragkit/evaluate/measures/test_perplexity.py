from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the models are built with it")
pytest.importorskip("transformers", reason="the models are built with it")

from ragkit.errors import ConfigError, ModelFilesError
from ragkit.evaluate.measures.perplexity import CausalModel, corpus_perplexity, perplexity
from ragkit.evaluate.outcome import Unscored

TEXT = "the cat sat on the mat and the dog sat on the cat and the mat"
WORDS = ["[UNK]", "<s>", "</s>", "the", "cat", "sat", "on", "mat", "and", "dog"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 of two small layers with random weights, its words split at blanks."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    target = tmp_path_factory.mktemp("gpt2")
    torch.manual_seed(3)
    size = GPT2Config(
        vocab_size=len(WORDS), n_positions=32, n_embd=16, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=2
    )
    GPT2LMHeadModel(size).save_pretrained(target)
    words = Tokenizer(WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]").save_pretrained(target)
    return target


@pytest.fixture(scope="module")
def framed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model with a tokenizer that puts a start and an end around the text."""
    import shutil

    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    target = tmp_path_factory.mktemp("framed")
    shutil.copytree(folder, target, dirs_exist_ok=True)
    words = Tokenizer.from_file(str(folder / "tokenizer.json"))
    words.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="[UNK]", bos_token="<s>", eos_token="</s>"
    ).save_pretrained(target)
    return target


def loss_by_hand(folder: Path, tokens: list[int], place: int, start: int) -> float:
    """Negative log-likelihood of the token at `place`, given those from `start` on."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(str(folder)).eval()
    with torch.no_grad():
        logits = model(torch.tensor([tokens[start:place]])).logits[0, -1]
    return float(-torch.log_softmax(logits, dim=-1)[tokens[place]])


def test_a_text_within_the_window_is_read_once(folder: Path) -> None:
    tokens = [WORDS.index(word) for word in TEXT.split()]
    losses = CausalModel(folder).losses(TEXT)
    assert losses.tolist() == pytest.approx(
        [loss_by_hand(folder, tokens, place, 0) for place in range(1, 16)], abs=1e-5
    )
    assert perplexity(CausalModel(folder), TEXT) == pytest.approx(math.exp(losses.mean()))


def test_a_longer_text_is_read_in_strides_and_each_token_is_scored_once(folder: Path) -> None:
    tokens = [WORDS.index(word) for word in TEXT.split()]
    losses = CausalModel(folder, window=6, stride=2).losses(TEXT)
    starts = [0] * 5 + [start for last in (8, 10, 12, 14, 16) for start in (last - 6, last - 6)]
    expected = [loss_by_hand(folder, tokens, place, start) for place, start in zip(range(1, 16), starts, strict=True)]
    assert losses.tolist() == pytest.approx(expected, abs=1e-5)


def test_a_start_token_is_context_and_an_end_token_is_left_out(framed: Path) -> None:
    tokens = [1, *(WORDS.index(word) for word in ["the", "cat", "sat"])]
    losses = CausalModel(framed).losses("the cat sat")
    assert losses.tolist() == pytest.approx([loss_by_hand(framed, tokens, place, 0) for place in (1, 2, 3)], abs=1e-5)


def test_a_text_of_one_token_is_unscored(folder: Path) -> None:
    assert perplexity(CausalModel(folder), "cat") == Unscored("fewer than two tokens")
    assert perplexity(CausalModel(folder), "") == Unscored("fewer than two tokens")


def test_special_tokens_alone_are_no_text(framed: Path) -> None:
    assert perplexity(CausalModel(framed), "") == Unscored("fewer than two tokens")


def test_the_card_states_tokenizer_and_stride(folder: Path) -> None:
    card = CausalModel(folder).card
    assert (card["window"], card["stride"], card["vocabulary"]) == (32, 16, 10)
    assert card["model"] == folder.name
    assert card["tokenizer"]


@pytest.mark.parametrize(
    ("window", "stride", "message"),
    [
        (33, None, "window must lie between 2 and the model's 32 tokens, got 33"),
        (1, None, "window must lie between 2 and the model's 32 tokens, got 1"),
        (8, 8, r"stride must lie between 1 and 7 \(window - 1\), got 8"),
    ],
)
def test_a_window_that_does_not_fit_is_refused(folder: Path, window: int, stride: int | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CausalModel(folder, window=window, stride=stride)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesError, match="holds no causal language model"):
        CausalModel(tmp_path)
    with pytest.raises(ModelFilesError, match="is no folder"):
        CausalModel(tmp_path / "nowhere")


def test_long_texts_count_more_in_the_corpus() -> None:
    statistic = corpus_perplexity([np.array([1.0, 1.0, 1.0]), np.array([3.0]), np.array([])])
    values = statistic(np.array([[1, 1, 1], [0, 1, 0], [0, 0, 1]], dtype=float))
    assert values == pytest.approx([math.exp(1.5), math.exp(3), math.nan], nan_ok=True)
